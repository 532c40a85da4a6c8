/* y = (x - mean) e^log_gamma / sqrt(var + eps) + beta,
 * log|dy/dx| = log_gamma - 1/2 log(var + eps), of one element of a row.
 *
 * Every element comes with its parameters. So if a channel repeats over an image, its share of the
 * log-determinant is counted as often. The inverse is x = (y - beta) e^-log_gamma sqrt(var + eps) +
 * mean.
 *
 * Let c and d be the cotangents of y and log|dy/dx|, n = (x - mean) / sqrt(var + eps), and s =
 * e^log_gamma / sqrt(var + eps). The gradient of x is c s, of mean -c s, of beta c, of log_gamma g
 * = c n e^log_gamma + d, and of var and eps -g / (2 (var + eps)).
 *
 * Source: Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP (2017), section 3.7.
 * Max error of y: 6 ULP of the larger of |y - beta| and |beta|; of log|dy/dx|: 2 ULP of its larger
 * term (float and double). var + eps < 0 gives NaN.
 */
#ifndef FG_FLOW_NORMALIZATION_BATCH_NORM_H
#define FG_FLOW_NORMALIZATION_BATCH_NORM_H

#include "elementary/exp.h"
#include "elementary/log.h"

static inline void batch_norm(real x, real log_gamma, real beta, real mean, real var, real eps,
                              real *y, real *logabsdet)
{
    const real spread = var + eps;
    *y = mul_add((x - mean) / real_sqrt(spread), real_exp(log_gamma), beta);
    *logabsdet = mul_add(R(-0.5), real_log(spread), log_gamma);
}

static inline void batch_norm_vjp(real x, real log_gamma, real beta, real mean, real var, real eps,
                                  real d_y, real d_logabsdet, real *y, real *logabsdet, real *d_x,
                                  real *d_log_gamma, real *d_beta, real *d_mean, real *d_var,
                                  real *d_eps)
{
    const real spread = var + eps, sigma = real_sqrt(spread);
    const real scaled = d_y * real_exp(log_gamma);
    batch_norm(x, log_gamma, beta, mean, var, eps, y, logabsdet);
    *d_x = scaled / sigma;
    *d_mean = -*d_x;
    *d_beta = d_y;
    *d_log_gamma = mul_add(scaled, (x - mean) / sigma, d_logabsdet);
    *d_var = R(-0.5) * *d_log_gamma / spread;
    *d_eps = *d_var;
}

static inline void batch_norm_inverse(real y, real log_gamma, real beta, real mean, real var,
                                      real eps, real *x, real *logabsdet)
{
    const real spread = var + eps;
    *x = mul_add((y - beta) * real_exp(-log_gamma), real_sqrt(spread), mean);
    *logabsdet = mul_add(R(0.5), real_log(spread), -log_gamma);
}

static inline void batch_norm_inverse_vjp(real y, real log_gamma, real beta, real mean, real var,
                                          real eps, real d_x, real d_logabsdet, real *x,
                                          real *logabsdet, real *d_y, real *d_log_gamma,
                                          real *d_beta, real *d_mean, real *d_var, real *d_eps)
{
    const real spread = var + eps, sigma = real_sqrt(spread);
    const real inverse_gamma = real_exp(-log_gamma), scaled = d_x * sigma;
    batch_norm_inverse(y, log_gamma, beta, mean, var, eps, x, logabsdet);
    *d_y = scaled * inverse_gamma;
    *d_beta = -*d_y;
    *d_mean = d_x;
    *d_log_gamma = -mul_add(scaled, (y - beta) * inverse_gamma, d_logabsdet);
    *d_var = R(-0.5) * *d_log_gamma / spread;
    *d_eps = *d_var;
}

#endif
