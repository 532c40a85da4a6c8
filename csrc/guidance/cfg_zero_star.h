/* cfg_zero_star(u, c, s) = a u + s (c - a u),   a = <c, u> / <u, u>   over a sample.
 *
 * The unconditional prediction is scaled to lie as near to the conditional one as it can. A sample
 * of u = 0 has a = 0. The products are summed in double: of 10^6 elements float32 sums lose three
 * digits. Source: Fan et al., "CFG-Zero*" (2025), whose code adds 1e-8 to <u, u>; that is below
 * rounding for every u that is not itself below 1e-4, and biases those that are.
 *
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
