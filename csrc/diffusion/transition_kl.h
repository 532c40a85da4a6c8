/* KL(q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t)) of the true step q and the learned step p, of an
 * element:
 *
 *     1/2 (e^d - 1 - d + w (p - q)^2 e^d),   d = -(variance + 1)/2 L,
 *
 * for a prediction p of the target q, and a learned variance beta_tilde e^(-d). `variance` moves it
 * from beta_tilde (-1) to beta (1), with L = log(beta / beta_tilde). x_t cancels in the difference
 * of the two means. The difference is c0 (x0 - predicted x0), a multiple of p - q; w is the square
 * of the multiple, divided by beta_tilde. w and L are given once per row.
 *
 * Both terms are >= 0, and e^x - 1 - x does not cancel, so the sum does not cancel.
 *
 * Source: Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models (2021), eq. 15.
 * Max error: 6 ULP (float and double) given d and p - q, before the sum over the row.
 */
#ifndef FG_DIFFUSION_TRANSITION_KL_H
#define FG_DIFFUSION_TRANSITION_KL_H

#include "elementary/exp.h"
#include "elementary/expm1.h"
#include "elementary/expm1_minus_x.h"

static inline real transition_kl(real prediction, real target, real variance, real weight,
                                 real log_ratio)
{
    const real d = R(-0.5) * (variance + R(1.0)) * log_ratio;
    const real error = prediction - target;
    return R(0.5) * mul_add(weight * (error * error), real_exp(d), real_expm1_minus_x(d));
}

static inline real transition_kl_grad(real prediction, real target, real variance, real weight,
                                      real log_ratio, real *d_prediction, real *d_target,
                                      real *d_variance, real *d_weight, real *d_log_ratio)
{
    const real fraction = R(0.5) * (variance + R(1.0));
    const real d = -fraction * log_ratio;
    const real error = prediction - target;
    const real scale = real_exp(d);
    const real square = error * error;
    const real d_d = R(0.5) * mul_add(weight * square, scale, real_expm1(d));
    *d_prediction = weight * error * scale;
    *d_target = -*d_prediction;
    *d_variance = R(-0.5) * log_ratio * d_d;
    *d_weight = R(0.5) * square * scale;
    *d_log_ratio = -fraction * d_d;
    return R(0.5) * mul_add(weight * square, scale, real_expm1_minus_x(d));
}

#endif
