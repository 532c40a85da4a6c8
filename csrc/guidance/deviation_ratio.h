/* deviation_ratio(u, c, s) = std(c) / std(g),   g = u + s (c - u)   over a sample.
 *
 * The ratio of cfg_rescale.h, without its map. A step that fuses guidance with a solver multiplies
 * its coefficients by the factor of cfg_rescale, 1 + r (ratio - 1). The ratio is 1 if g is
 * constant. The divisor n or n - 1 cancels.
 *
 * Max error: 4 ULP, times the largest of |u| and |s (c - u)| over std(g), and of |c| over std(c).
 */
#ifndef FG_GUIDANCE_DEVIATION_RATIO_H
#define FG_GUIDANCE_DEVIATION_RATIO_H

#include "guidance/cfg_rescale.h"

static inline void deviation_ratio_sums(real uncond, real cond, real scale, real *sum_cond,
                                        real *sum_guided)
{
    cfg_rescale_sums(uncond, cond, scale, R(0.0), sum_cond, sum_guided);
}

static inline void deviation_ratio_squares(real uncond, real cond, real scale, real mean_cond,
                                           real mean_guided, real *square_cond, real *square_guided)
{
    cfg_rescale_squares(uncond, cond, scale, R(0.0), mean_cond, mean_guided, square_cond,
                        square_guided);
}

#endif
