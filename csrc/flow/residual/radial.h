/* y = x + k (x - x0), k = (s - alpha) / (alpha + r), r = |x - x0|, s = softplus(beta);
 * log|det dy/dx| = (n - 1) log((r + s) / (alpha + r))
 *                  + log((r^2 + 2 alpha r + alpha s) / (alpha + r)^2).
 *
 * s > 0 is alpha plus the paper's beta. So the transform is invertible, and both logarithms are of
 * sums of positive numbers. alpha is e^log_alpha.
 *
 * With cotangents c of y and d of the log-determinant L, D = c.(x - x0) and G = D dk/dr + d dL/dr,
 * the gradient of x is c (1 + k) + G (x - x0) / r, and that of x0 is c less the gradient of x.
 *
 * Source: Rezende and Mohamed, Variational inference with normalizing flows (2015), equation 14.
 * Max error: 1.5 ULP of (x - x0)^2, before the sum; the rest is in double, within 4 ULP of the
 * largest terms.
 */
#ifndef FG_FLOW_RESIDUAL_RADIAL_H
#define FG_FLOW_RESIDUAL_RADIAL_H

#include "elementary/derivatives.h"

static inline void radial_distance(real x, real x0, real log_alpha, real beta, real *square,
                                   real *log_alphas, real *betas)
{
    *square = (x - x0) * (x - x0);
    *log_alphas = log_alpha;
    *betas = beta;
}

static inline void radial_distance_close(real n, real square, real log_alphas, real betas,
                                         real *logabsdet, real *k)
{
    const real alpha = real_exp(log_alphas / n), s = real_softplus(betas / n);
    const real r = real_sqrt(square), reach = alpha + r;
    const real near = real_log1p((s - alpha) / reach), far = real_log((r + s) / reach);
    const real along = real_log(mul_add(r, r + 2 * alpha, alpha * s) / (reach * reach));
    *k = (s - alpha) / reach;
    *logabsdet = n > 0 ? mul_add(n - 1, *k > R(-0.5) ? near : far, along) : 0;
}

static inline void radial(real x, real x0, real log_alpha, real beta, real logabsdet, real k,
                          real *y)
{
    (void)log_alpha, (void)beta, (void)logabsdet;
    *y = mul_add(k, x - x0, x);
}

/* The state: logabsdet, log alpha, beta, k and r. The closing of the next stage replaces log alpha
 * and beta by their gradients, and r by G / r. */
static inline void radial_vjp_distance_close(real n, real square, real log_alphas, real betas,
                                             real *logabsdet, real *log_alpha, real *beta, real *k,
                                             real *r)
{
    radial_distance_close(n, square, log_alphas, betas, logabsdet, k);
    *log_alpha = log_alphas / n;
    *beta = betas / n;
    *r = real_sqrt(square);
}

static inline void radial_vjp_cotangents(real x, real x0, real log_alpha, real beta, real d_y,
                                         real d_logabsdet, real *dot, real *d)
{
    (void)log_alpha, (void)beta;
    *dot = d_y * (x - x0);
    *d = d_logabsdet;
}

static inline void radial_vjp_close(real n, real dot, real d_sum, real *logabsdet,
                                    real *d_log_alpha, real *d_beta, real *k, real *pull)
{
    const real alpha = real_exp(*d_log_alpha), s = real_softplus(*d_beta), r = *pull;
    const real reach = alpha + r, d = n > 0 ? d_sum / n : 0;
    const real product = mul_add(r, r + 2 * alpha, alpha * s); /* the second numerator */
    const real by_r = (n - 1) * (alpha - s) / ((r + s) * reach) + 2 * reach / product - 2 / reach;
    const real by_alpha = (2 * r + s) / product - (n + 1) / reach;
    const real by_s = (n - 1) / (r + s) + alpha / product;
    (void)logabsdet;
    *pull = r > 0 ? (d * by_r - dot * *k / reach) / r : 0;
    *d_log_alpha = n > 0 ? alpha * (d * by_alpha - dot * (1 + *k) / reach) : 0;
    *d_beta = n > 0 ? real_sigmoid(*d_beta) * mul_add(d, by_s, dot / reach) : 0;
}

static inline void radial_vjp(real x, real x0, real log_alpha, real beta, real d_y,
                              real d_logabsdet, real logabsdet, real d_log_alpha, real d_beta,
                              real k, real pull, real *y, real *d_x, real *d_x0)
{
    (void)d_logabsdet, (void)d_log_alpha, (void)d_beta;
    radial(x, x0, log_alpha, beta, logabsdet, k, y);
    const real moved = mul_add(pull, x - x0, k * d_y);
    *d_x = d_y + moved;
    *d_x0 = -moved;
}

#endif
