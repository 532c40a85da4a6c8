/* D*(x) = p / (p + q) = sigmoid(log p - log q): the discriminator that minimises its loss.
 *
 * The rounding error of the difference is corrected. In the lower tail the result would have the
 * same relative error.
 *
 * Source: Goodfellow et al., Generative Adversarial Nets (2014), proposition 1.
 * Max error: 2 ULP (float and double); of the derivatives 4 ULP.
 * One infinite log-density gives 0 or 1. If both are +inf, or both -inf, the result is NaN.
 */
#ifndef FG_GAN_OPTIMAL_DISCRIMINATOR_H
#define FG_GAN_OPTIMAL_DISCRIMINATOR_H

#include "core/difference.h"
#include "elementary/sigmoid.h"

static inline real optimal_discriminator(real log_p, real log_q)
{
    const real d = log_p - log_q;
    const real y = real_sigmoid(d);
    /* y (1 - y) is a rough slope. Near y = 1 it is inexact, but the correction is then negligible.
     */
    return corrected(y, difference_error(log_p, log_q, d), y * (1 - y));
}

static inline real optimal_discriminator_grad(real log_p, real log_q, real *d_log_p, real *d_log_q)
{
    const real d = log_p - log_q, error = difference_error(log_p, log_q, d);
    const real y = real_sigmoid(d), rest = real_sigmoid(-d);
    const real slope = y * rest;
    *d_log_p = corrected(slope, error, slope * (rest - y));
    *d_log_q = -*d_log_p;
    return optimal_discriminator(log_p, log_q);
}

#endif
