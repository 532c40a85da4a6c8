/* KL(N(mu, e^logvar) || N(0, 1)) = 1/2 (mu^2 + e^logvar - 1 - logvar), of one latent dimension.
 *
 * e^x - 1 - x is one function, which does not cancel. Near logvar = 0 the usual expression has no
 * correct digit in float, and can be negative. Here both terms are >= 0, and the result is exactly
 * +0 for mu = 0, logvar = 0.
 *
 * Source: Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B.
 * Max error: 2 ULP (float and double), before the sum over latent dimensions.
 * logvar = -inf or +inf gives +inf; NaN gives NaN.
 */
#ifndef FG_VAE_KL_STANDARD_NORMAL_H
#define FG_VAE_KL_STANDARD_NORMAL_H

#include "elementary/expm1_given.h"
#include "elementary/expm1_minus_x.h"

static inline real kl_standard_normal(real mu, real logvar)
{
    return R(0.5) * mul_add(mu, mu, real_expm1_minus_x(logvar));
}

/* d/dmu = mu, d/dlogvar = 1/2 (e^logvar - 1). */
static inline real kl_standard_normal_grad(real mu, real logvar, real *d_mu, real *d_logvar)
{
    const real excess = real_expm1_minus_x(logvar);
    *d_mu = mu;
    *d_logvar = R(0.5) * real_expm1_given(logvar, excess);
    return R(0.5) * mul_add(mu, mu, excess);
}

#endif
