/* cfg_zero_star(u, c, s) = a u + s (c - a u),   a = <c, u> / <u, u>   over a sample.
 *
 * a minimises |c - a u|. A sample of u = 0 has a = 0. The products are summed in double: float sums
 * of 10^6 elements lose three digits.
 *
 * Derivative: let t be the cotangent and g = (1 - s) <t, u> / <u, u>, which is 0 where u = 0. Then
 * the gradients are (1 - s) a t + g (c - 2 a u) of u, s t + g u of c, and <t, c - a u> of s.
 *
 * Source: Fan et al., "CFG-Zero*" (2025). Its code adds 1e-8 to <u, u>. That is below rounding
 * unless u is below 1e-4, and such u get a biased result.
 * Max error: 4 ULP of the largest term. NaN gives a NaN sample. Of derivatives: 6 ULP of the
 * largest term.
 */
#ifndef FG_GUIDANCE_CFG_ZERO_STAR_H
#define FG_GUIDANCE_CFG_ZERO_STAR_H

#include "guidance/cfg.h"

static inline void cfg_zero_star_sums(double uncond, double cond, double scale, double *both,
                                      double *square)
{
    (void)scale;
    *both = cond * uncond;
    *square = uncond * uncond;
}

static inline void cfg_zero_star_close(real n, real both, real square, real *a)
{
    (void)n;
    *a = square == R(0.0) ? R(0.0) : both / square;
}

static inline void cfg_zero_star(real uncond, real cond, real scale, real a, real *result)
{
    *result = cfg(a * uncond, cond, scale);
}

/* The stages with a cotangent t. */

static inline void cfg_zero_star_vjp_sums(double uncond, double cond, double scale, double t,
                                          double *both, double *square, double *along)
{
    cfg_zero_star_sums(uncond, cond, scale, both, square);
    *along = (1.0 - scale) * t * uncond;
}

static inline void cfg_zero_star_vjp_sums_close(real n, real both, real square, real along, real *a,
                                                real *slope)
{
    cfg_zero_star_close(n, both, square, a);
    *slope = square == R(0.0) ? R(0.0) : along / square;
}

static inline void cfg_zero_star_vjp(real uncond, real cond, real scale, real t, real a, real slope,
                                     real *result, real *d_uncond, real *d_cond, real *of_scale)
{
    const real nearest = a * uncond;
    *result = cfg(nearest, cond, scale);
    *d_uncond = mul_add((R(1.0) - scale) * a, t, slope * mul_add(R(-2.0), nearest, cond));
    *d_cond = mul_add(scale, t, slope * uncond);
    *of_scale = t * (cond - nearest);
}

static inline void cfg_zero_star_vjp_close(real n, real d_scale, real *result)
{
    (void)n;
    *result = d_scale;
}

#endif
