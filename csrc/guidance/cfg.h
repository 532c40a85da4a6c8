/* cfg(u, c, s) = u + s (c - u)   classifier-free guidance, one element.
 *
 * The difference is computed first. In (1 - s) u + s c both terms, and their rounding errors, are
 * about s times as large as the result: eight times the error at s = 7.5. At s = 1 the result is
 * exactly c.
 *
 * Source: Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022).
 * Max error: 1.5 ULP of |u| + |s (c - u)|, without FMA 2. NaN gives NaN.
 */
#ifndef FG_GUIDANCE_CFG_H
#define FG_GUIDANCE_CFG_H

#include "core/real.h"

static inline real cfg(real uncond, real cond, real scale)
{
    real guided = mul_add(scale, cond - uncond, uncond);
    return scale == R(1.0) ? cond : guided;
}

/* The same in double, for the sums over a sample. */
static inline double wide_cfg(double uncond, double cond, double scale)
{
    double guided = wide_mul_add(scale, cond - uncond, uncond);
    return scale == 1.0 ? cond : guided;
}

static inline real cfg_grad(real uncond, real cond, real scale, real *d_uncond, real *d_cond,
                            real *d_scale)
{
    *d_uncond = R(1.0) - scale;
    *d_cond = scale;
    *d_scale = cond - uncond;
    return cfg(uncond, cond, scale);
}

#endif
