/* deviation_ratio(u, c, s) = std(c) / std(g),   g = u + s (c - u)   over a sample.
 *
 * The ratio of cfg_rescale.h, without its map. A step that fuses guidance with a solver multiplies
 * its coefficients by the factor of cfg_rescale, 1 + r (ratio - 1). The ratio is 1 if g is
 * constant. The divisor n or n - 1 cancels.
 *
 * Derivative: let t be the cotangent, q the ratio, c' and g' the deviations from the means. The
 * gradient of g is -t q g' / sum g'^2, and c has the further term t q c' / sum c'^2. If std(c) or
 * std(g) is 0, these terms are 0, as in cfg_rescale.h.
 *
 * Max error: 4 ULP, times the largest of |u| and |s (c - u)| over std(g), and of |c| over std(c).
 * Of derivatives: 4 ULP of the largest term, times the same.
 */
#ifndef FG_GUIDANCE_DEVIATION_RATIO_H
#define FG_GUIDANCE_DEVIATION_RATIO_H

#include "guidance/cfg_rescale.h"

static inline void deviation_ratio_sums(double uncond, double cond, double scale, double *sum_cond,
                                        double *sum_guided)
{
    cfg_rescale_sums(uncond, cond, scale, 0.0, sum_cond, sum_guided);
}

static inline void deviation_ratio_squares(double uncond, double cond, double scale,
                                           double mean_cond, double mean_guided,
                                           double *square_cond, double *square_guided)
{
    cfg_rescale_squares(uncond, cond, scale, 0.0, mean_cond, mean_guided, square_cond,
                        square_guided);
}

/* The last stage with a cotangent t. A deviation is divided twice by the square
 * root of the sum of squares, because the sum itself may leave the range of float. */

static inline void deviation_ratio_vjp_squares_close(real n, real square_cond, real square_guided,
                                                     real *mean_cond, real *mean_guided,
                                                     real *ratio, real *of_cond, real *of_guided)
{
    (void)mean_cond;
    (void)mean_guided;
    cfg_rescale_squares_close(n, square_cond, square_guided, ratio);
    const real least = square_cond < square_guided ? square_cond : square_guided;
    *of_cond = least == R(0.0) ? R(0.0) : 1 / real_sqrt(square_cond);
    *of_guided = square_guided == R(0.0) ? R(0.0) : 1 / real_sqrt(square_guided);
}

static inline void deviation_ratio_vjp(real uncond, real cond, real scale, real t, real mean_cond,
                                       real mean_guided, real ratio, real of_cond, real of_guided,
                                       real *d_uncond, real *d_cond, real *of_scale)
{
    const real slope = t * ratio;
    const real away = (cfg(uncond, cond, scale) - mean_guided) * of_guided;
    const real d_guided = -(slope * of_guided) * away;
    *d_uncond = (R(1.0) - scale) * d_guided;
    *d_cond = mul_add(scale, d_guided, slope * of_cond * ((cond - mean_cond) * of_cond));
    *of_scale = d_guided * (cond - uncond);
}

/* The results per row, the ratio and the gradient of the scale, go to the first places. */
static inline void deviation_ratio_vjp_close(real n, real d_scale, real *mean_cond,
                                             real *mean_guided, real *ratio)
{
    (void)n;
    *mean_cond = *ratio;
    *mean_guided = d_scale;
}

#endif
