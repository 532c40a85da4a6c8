/* KL(Laplace(loc_q, scale_q) || Laplace(loc_p, scale_p)), of one dimension,
 *     = (r - 1 - log r) + r (e^-a - 1 + a),  r = scale_q / scale_p, a = |loc_q - loc_p| / scale_q.
 *
 * The usual expression, -log r + |d| / scale_p + r e^-a - 1, cancels as the two distributions
 * approach each other. Here both terms are >= 0 and neither cancels. The rounding errors of the
 * quotients are corrected. Exactly +0 for equal arguments.
 *
 * Source: Gil, Alajaji and Linder (2013), Renyi divergence measures, table 2, regrouped.
 * Max error: 4 ULP (float and double), before the sum over dimensions; without FMA 5 ULP.
 * If one scale is 0 or +inf, the result is +inf; if both are, NaN. scale < 0 gives NaN. If the
 * inverse of a scale overflows, or the ratio is below the normal range, that scale or ratio counts
 * as 0.
 */
#ifndef FG_VAE_KL_LAPLACE_H
#define FG_VAE_KL_LAPLACE_H

#include "core/difference.h"
#include "elementary/exp.h"
#include "elementary/expm1.h"
#include "elementary/expm1_given.h"
#include "elementary/expm1_minus_x.h"
#include "vae/scale_ratio.h"

/* Returns the divergence. Gives t = r - 1, a, and shift = r (e^-a - 1 + a). */
static inline real kl_laplace_given(real loc_q, real scale_q, real loc_p, real scale_p,
                                    real inverse_p, real *t, real *a, real *shift)
{
    real base, t_lo, inverse_ratio;
    const real q = scale_ratio(scale_q, scale_p, inverse_p, &base, &t_lo);
    const real ratio = q + base, inverse_q = inverse_scale(scale_q, scale_q);
    *t = corrected(q + (base - R(1.0)), t_lo, R(1.0));

    const real difference = loc_q - loc_p, distance = real_abs(difference);
    const real error = difference_error(loc_q, loc_p, difference);
    const real lost = difference < 0 ? -error : error;
    *a = standardized(distance, inverse_q);
    const real a_lo = (mul_add(-*a, scale_q, distance) + lost) * inverse_q;
    const real bend = real_expm1_minus_x(-*a), below = -real_expm1_given(-*a, bend);
    const real near = mul_add(ratio * a_lo, below, mul_add(t_lo, bend, ratio * bend));
    const real far = mul_add(distance, inverse_p, -ratio); /* a may have overflowed */
    const real moved = *a > -EXP_TINY ? far : near;
    *shift = moved == moved ? moved : standardized(bend, ratio);
    const real excess = ratio_excess(q, base, &inverse_ratio);
    return corrected(excess, t_lo, R(1.0) - inverse_ratio) + *shift;
}

static inline real kl_laplace(real loc_q, real scale_q, real loc_p, real scale_p)
{
    real t, a, shift;
    return kl_laplace_given(loc_q, scale_q, loc_p, scale_p, inverse_scale(scale_q, scale_p), &t, &a,
                            &shift);
}

static inline real kl_laplace_grad(real loc_q, real scale_q, real loc_p, real scale_p,
                                   real *d_loc_q, real *d_scale_q, real *d_loc_p, real *d_scale_p)
{
    real t, a, shift;
    const real inverse_p = inverse_scale(scale_q, scale_p);
    const real value = kl_laplace_given(loc_q, scale_q, loc_p, scale_p, inverse_p, &t, &a, &shift);
    const real below = -real_expm1(-a); /* 1 - e^-a */
    *d_loc_q = standardized(loc_q < loc_p ? -below : below, inverse_p);
    *d_loc_p = -*d_loc_q;
    *d_scale_p = -standardized(t + shift, inverse_p);
    /* 1 - e^-a (1 + a), without cancellation */
    const real decay = real_exp(-a);
    const real bent = a > 1 ? R(1.0) - mul_add(decay, a, decay) : decay * real_expm1_minus_x(a);
    *d_scale_q = t / scale_q - standardized(a > -EXP_TINY ? R(1.0) : bent, inverse_p);
    return value;
}

#endif
