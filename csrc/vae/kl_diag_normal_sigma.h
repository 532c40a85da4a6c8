/* KL(N(mu_q, sigma_q^2) || N(mu_p, sigma_p^2)), of one dimension,
 *     = 1/2 (t^2 + 2 (t - log(1 + t)) + ((mu_q - mu_p) / sigma_p)^2),
 *     t = (sigma_q - sigma_p) / sigma_p.
 *
 * With the ratio r = 1 + t, the usual r^2 - 1 - log r^2 cancels as r approaches 1. It is written
 * here as a sum of terms that are >= 0 and do not cancel: sigma_q - sigma_p is exact near r = 1.
 * The rounding errors of the quotients are corrected. Exactly +0 for equal arguments.
 *
 * Source: Kullback (1959), Information Theory and Statistics, chapter 9, in standard deviations.
 * Max error: 3 ULP (float and double), before the sum over dimensions; without FMA 4 ULP.
 * If one sigma is 0 or +inf, the result is +inf; if both are, NaN. sigma < 0 gives NaN. If 1 /
 * sigma_p overflows, or the ratio is below the normal range, that sigma or ratio counts as 0.
 */
#ifndef FG_VAE_KL_DIAG_NORMAL_SIGMA_H
#define FG_VAE_KL_DIAG_NORMAL_SIGMA_H

#include "core/difference.h"
#include "vae/scale_ratio.h"

static inline real kl_diag_normal_sigma_given(real sigma_q, real mu_q, real mu_p, real sigma_p,
                                              real inverse, real *t, real *scaled)
{
    real base, t_lo, inverse_ratio;
    const real q = scale_ratio(sigma_q, sigma_p, inverse, &base, &t_lo);
    const real difference = mu_q - mu_p;
    const real w = standardized(difference, inverse);
    const real rest = mul_add(-w, sigma_p, difference) + difference_error(mu_q, mu_p, difference);
    const real w_lo = rest * inverse;
    const real excess = R(2.0) * ratio_excess(q, base, &inverse_ratio);
    const real t_hi = q + (base - R(1.0));
    const real slope = R(2.0) * (t_hi + (R(1.0) - inverse_ratio));
    const real lost = mul_add(R(2.0) * w, w_lo, t_lo * slope);
    *t = corrected(t_hi, t_lo, R(1.0));
    *scaled = corrected(w, w_lo, R(1.0));
    /* Near 0, the small terms are added first. */
    const real plain = mul_add(w, w, mul_add(t_hi, t_hi, excess));
    const real fine = mul_add(w, w, mul_add(t_hi, t_hi, excess + lost));
    return R(0.5) * (fine == fine ? fine : plain);
}

static inline real kl_diag_normal_sigma(real mu_q, real sigma_q, real mu_p, real sigma_p)
{
    real t, scaled;
    return kl_diag_normal_sigma_given(sigma_q, mu_q, mu_p, sigma_p, inverse_scale(sigma_q, sigma_p),
                                      &t, &scaled);
}

static inline real kl_diag_normal_sigma_grad(real mu_q, real sigma_q, real mu_p, real sigma_p,
                                             real *d_mu_q, real *d_sigma_q, real *d_mu_p,
                                             real *d_sigma_p)
{
    real t, scaled;
    const real inverse = inverse_scale(sigma_q, sigma_p);
    const real value =
        kl_diag_normal_sigma_given(sigma_q, mu_q, mu_p, sigma_p, inverse, &t, &scaled);
    *d_mu_q = standardized(scaled, inverse);
    *d_mu_p = -*d_mu_q;
    *d_sigma_q = standardized(t, (t + R(2.0)) / sigma_q); /* r - 1/r, over sigma_p */
    *d_sigma_p = -standardized(mul_add(scaled, scaled, t * (t + R(2.0))), inverse);
    return value;
}

#endif
