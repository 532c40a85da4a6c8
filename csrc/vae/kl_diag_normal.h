/* KL(N(mu_q, e^logvar_q) || N(mu_p, e^logvar_p)), of one dimension,
 *     = 1/2 (e^d - 1 - d + (mu_q - mu_p)^2 e^-logvar_p),  d = logvar_q - logvar_p.
 *
 * e^d - 1 - d does not cancel as the variances approach each other: d is then exact, while a ratio
 * of variances would have lost the difference. For other values, the rounding errors of both
 * differences are corrected. Both terms are >= 0, and the result is exactly +0 for equal arguments.
 *
 * Source: Kullback (1959), Information Theory and Statistics, chapter 9, in log-variances.
 * Max error: 4 ULP (float and double), before the sum over dimensions.
 * If one log-variance is infinite, the result is +inf. If both are infinite, the result is NaN,
 * because the limit depends on the path to it.
 */
#ifndef FG_VAE_KL_DIAG_NORMAL_H
#define FG_VAE_KL_DIAG_NORMAL_H

#include "core/difference.h"
#include "elementary/exp.h"
#include "elementary/expm1_given.h"
#include "elementary/expm1_minus_x.h"
#include "vae/standardized.h"

static inline real kl_diag_normal_scaled(real mu_q, real mu_p, real inverse_sigma)
{
    const real difference = mu_q - mu_p;
    return corrected(standardized(difference, inverse_sigma),
                     difference_error(mu_q, mu_p, difference), inverse_sigma);
}

static inline real kl_diag_normal(real mu_q, real logvar_q, real mu_p, real logvar_p)
{
    const real scaled = kl_diag_normal_scaled(mu_q, mu_p, real_exp(R(-0.5) * logvar_p));
    const real d = logvar_q - logvar_p, error = difference_error(logvar_q, logvar_p, d);
    const real rounded = real_expm1_minus_x(d);
    /* e^d - 1 is the slope of the correction. The rounded sum is exact enough for that. */
    const real excess = corrected(rounded, error, rounded + d);
    return R(0.5) * mul_add(scaled, scaled, excess);
}

static inline real kl_diag_normal_grad(real mu_q, real logvar_q, real mu_p, real logvar_p,
                                       real *d_mu_q, real *d_logvar_q, real *d_mu_p,
                                       real *d_logvar_p)
{
    const real inverse_sigma = real_exp(R(-0.5) * logvar_p);
    const real scaled = kl_diag_normal_scaled(mu_q, mu_p, inverse_sigma);
    const real d = logvar_q - logvar_p, error = difference_error(logvar_q, logvar_p, d);
    const real rounded = real_expm1_minus_x(d);
    const real rounded_ratio = real_expm1_given(d, rounded);
    const real ratio_minus_1 = corrected(rounded_ratio, error, rounded_ratio + 1);
    *d_mu_q = standardized(scaled, inverse_sigma);
    *d_mu_p = -*d_mu_q;
    *d_logvar_q = R(0.5) * ratio_minus_1;
    *d_logvar_p = R(-0.5) * mul_add(scaled, scaled, ratio_minus_1);
    return R(0.5) * mul_add(scaled, scaled, corrected(rounded, error, rounded + d));
}

#endif
