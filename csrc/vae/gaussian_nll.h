/* -log N(x; mu, e^logvar) = 1/2 (log 2 pi + logvar + (x - mu)^2 e^-logvar), of one dimension.
 *
 * The difference is divided by the standard deviation before it is squared, so the square does not
 * overflow if the quotient is moderate. The variance is not clamped: a variance of 0 gives +inf for
 * x != mu, and -inf for x = mu.
 *
 * Source: the density of the normal distribution; Kingma and Welling (2014), appendix C.2.
 * Max error: 4 ULP of the largest of the three terms (float and double), before the sum. If logvar
 * is near -log 2 pi, the first two terms cancel; the formula cannot avoid that.
 */
#ifndef FG_VAE_GAUSSIAN_NLL_H
#define FG_VAE_GAUSSIAN_NLL_H

#include "elementary/exp.h"
#include "vae/log_2_pi.h"
#include "vae/standardized.h"

static inline real gaussian_nll(real x, real mu, real logvar)
{
    const real scaled = standardized(x - mu, real_exp(R(-0.5) * logvar));
    const real nll = R(0.5) * mul_add(scaled, scaled, logvar + LOG_2_PI);
    /* At logvar = -inf the sum would be inf - inf. The square is larger, so the result is +inf. */
    return real_abs(scaled) == REAL_INFINITY ? REAL_INFINITY : nll;
}

static inline real gaussian_nll_grad(real x, real mu, real logvar, real *d_x, real *d_mu,
                                     real *d_logvar)
{
    const real inverse_sigma = real_exp(R(-0.5) * logvar);
    const real scaled = standardized(x - mu, inverse_sigma);
    *d_x = standardized(scaled, inverse_sigma);
    *d_mu = -*d_x;
    *d_logvar = mul_add(R(-0.5) * scaled, scaled, R(0.5));
    return gaussian_nll(x, mu, logvar);
}

#endif
