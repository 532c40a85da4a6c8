/* cfg_zero_star(u, c, s) = a u + s (c - a u),   a = <c, u> / <u, u>   over a sample.
 *
 * a minimises |c - a u|. A sample of u = 0 has a = 0. The products are summed in double: float sums
 * of 10^6 elements lose three digits.
 *
 * Source: Fan et al., "CFG-Zero*" (2025). Its code adds 1e-8 to <u, u>. That is below rounding
 * unless u is below 1e-4, and such u get a biased result.
 * Max error: 4 ULP of the largest term. NaN gives a NaN sample.
 */
#ifndef FG_GUIDANCE_CFG_ZERO_STAR_H
#define FG_GUIDANCE_CFG_ZERO_STAR_H

#include "guidance/cfg.h"

static inline void cfg_zero_star_sums(real uncond, real cond, real scale, real *both, real *square)
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

#endif
