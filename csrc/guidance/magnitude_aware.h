/* magnitude_aware(u, c, s, k) = u + s' (c - u),   s' = 1 + (s - 1) e^{-k |c - u| / |u|}   over a
 * sample.
 *
 * If the two predictions lie far apart, strong guidance would leave the model's distribution, so it
 * is damped. If c = u, it is not damped, also for u = 0.
 *
 * Source: Zhu et al., "MAMBO-G: Magnitude-Aware Mitigation for Boosted Guidance" (2025); k = 8
 * there.
 * Max error: 6 ULP of the largest term, times 1 + k |c - u| / |u|. NaN gives a NaN sample.
 */
#ifndef FG_GUIDANCE_MAGNITUDE_AWARE_H
#define FG_GUIDANCE_MAGNITUDE_AWARE_H

#include "elementary/exp.h"
#include "guidance/cfg.h"

static inline void magnitude_aware_sums(real uncond, real cond, real scale, real damping,
                                        real *apart, real *square)
{
    (void)scale;
    (void)damping;
    *apart = (cond - uncond) * (cond - uncond);
    *square = uncond * uncond;
}

static inline void magnitude_aware_close(real n, real apart, real square, real *ratio)
{
    (void)n;
    *ratio = apart == R(0.0) ? R(0.0) : real_sqrt(apart / square);
}

static inline void magnitude_aware(real uncond, real cond, real scale, real damping, real ratio,
                                   real *result)
{
    real damped = mul_add(scale - R(1.0), real_exp(-(damping * ratio)), R(1.0));
    *result = cfg(uncond, cond, damped);
}

#endif
