/* cfg_rescale(u, c, s, r) = g (r std(c) / std(g) + 1 - r),   g = u + s (c - u)   over a sample.
 *
 * Stages: the means of c and g; the sums of their squared deviations, which do not cancel, as
 * mean(g^2) - mean(g)^2 would; the map. The divisor n or n - 1 cancels in the ratio. If g is
 * constant, the result is g. Source: Lin et al., "Common Diffusion Noise Schedules and Sample Steps
 * Are Flawed" (2024), 3.4.
 *
 * Derivative: let q = std(c) / std(g), f = r q + 1 - r, t the cotangent, A = sum t g, and c', g'
 * the deviations from the means. Then the cotangent of g is t f - A r q g' / sum g'^2. The
 * cotangent of c has the further term A r q c' / sum c'^2. That of r is A (q - 1). If std(c) or
 * std(g) is 0, these terms are 0.
 *
 * Max error: 4 ULP of the larger of |u| and |s (c - u)|, times the factor. NaN gives a NaN sample.
 */
#ifndef FG_GUIDANCE_CFG_RESCALE_H
#define FG_GUIDANCE_CFG_RESCALE_H

#include "guidance/cfg.h"

static inline void cfg_rescale_sums(double uncond, double cond, double scale, double rescale,
                                    double *sum_cond, double *sum_guided)
{
    (void)rescale;
    *sum_cond = cond;
    *sum_guided = wide_cfg(uncond, cond, scale);
}

static inline void cfg_rescale_sums_close(real n, real sum_cond, real sum_guided, real *mean_cond,
                                          real *mean_guided)
{
    *mean_cond = sum_cond / n;
    *mean_guided = sum_guided / n;
}

static inline void cfg_rescale_squares(double uncond, double cond, double scale, double rescale,
                                       double mean_cond, double mean_guided, double *square_cond,
                                       double *square_guided)
{
    (void)rescale;
    double of_cond = cond - mean_cond, of_guided = wide_cfg(uncond, cond, scale) - mean_guided;
    *square_cond = of_cond * of_cond;
    *square_guided = of_guided * of_guided;
}

static inline void cfg_rescale_squares_close(real n, real square_cond, real square_guided,
                                             real *ratio)
{
    (void)n;
    real quotient = real_sqrt(square_cond / square_guided);
    *ratio = square_guided == R(0.0) ? R(1.0) : quotient;
}

static inline real cfg_rescale_factor(real rescale, real ratio)
{
    return mul_add(rescale, ratio - R(1.0), R(1.0));
}

static inline void cfg_rescale(real uncond, real cond, real scale, real rescale, real ratio,
                               real *result)
{
    *result = cfg(uncond, cond, scale) * cfg_rescale_factor(rescale, ratio);
}

/* The second stage with a cotangent t. */

static inline void cfg_rescale_vjp_squares(double uncond, double cond, double scale, double rescale,
                                           double t, double mean_cond, double mean_guided,
                                           double *square_cond, double *square_guided,
                                           double *along)
{
    cfg_rescale_squares(uncond, cond, scale, rescale, mean_cond, mean_guided, square_cond,
                        square_guided);
    *along = t * wide_cfg(uncond, cond, scale);
}

static inline void cfg_rescale_vjp_squares_close(real n, real square_cond, real square_guided,
                                                 real along, real *mean_cond, real *mean_guided,
                                                 real *ratio, real *of_cond, real *of_guided,
                                                 real *d_rescale)
{
    (void)mean_cond;
    (void)mean_guided;
    cfg_rescale_squares_close(n, square_cond, square_guided, ratio);
    real slope = along * *ratio;
    *of_cond = square_cond == R(0.0) || square_guided == R(0.0) ? R(0.0) : slope / square_cond;
    *of_guided = square_guided == R(0.0) ? R(0.0) : slope / square_guided;
    *d_rescale = along * (*ratio - R(1.0));
}

static inline void cfg_rescale_vjp(real uncond, real cond, real scale, real rescale, real t,
                                   real mean_cond, real mean_guided, real ratio, real of_cond,
                                   real of_guided, real *result, real *d_uncond, real *d_cond,
                                   real *of_scale)
{
    real guided = cfg(uncond, cond, scale);
    real factor = cfg_rescale_factor(rescale, ratio);
    real d_guided = mul_add(t, factor, -(rescale * of_guided * (guided - mean_guided)));
    *result = guided * factor;
    *d_uncond = (R(1.0) - scale) * d_guided;
    *d_cond = mul_add(scale, d_guided, rescale * of_cond * (cond - mean_cond));
    *of_scale = d_guided * (cond - uncond);
}

/* The results per row, the gradients of scale and rescale, go to the first places of the state. */
static inline void cfg_rescale_vjp_close(real n, real d_scale, real *mean_cond, real *mean_guided,
                                         real *ratio, real *of_cond, real *of_guided,
                                         real *d_rescale)
{
    (void)n;
    (void)ratio;
    (void)of_cond;
    (void)of_guided;
    *mean_cond = d_scale;
    *mean_guided = *d_rescale;
}

#endif
