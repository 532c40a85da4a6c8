/* u x + v (n + s (p - n)) + w n: guided_step.h without clipping, terms, and a denoised sample.
 *
 * Most steps of most samplers need no more, and it reads fewer coefficients.
 *
 * Max error: 4 ULP of the largest of |u x|, |v n|, |v s (p - n)| and |w n| (float and double).
 */
#ifndef FG_DIFFUSION_GUIDED_COMBINATION_H
#define FG_DIFFUSION_GUIDED_COMBINATION_H

#include "guidance/cfg.h"

static inline real guided_combination(real x, real uncond, real cond, real scale, real u, real v,
                                      real w)
{
    return mul_add(u, x, mul_add(v, cfg(uncond, cond, scale), w * uncond));
}

static inline real guided_combination_grad(real x, real uncond, real cond, real scale, real u,
                                           real v, real w, real *d_x, real *d_uncond, real *d_cond,
                                           real *d_scale, real *d_u, real *d_v, real *d_w)
{
    const real guided = cfg(uncond, cond, scale);
    *d_x = u;
    *d_uncond = mul_add(v, R(1.0) - scale, w);
    *d_cond = v * scale;
    *d_scale = v * (cond - uncond);
    *d_u = x;
    *d_v = guided;
    *d_w = uncond;
    return mul_add(u, x, mul_add(v, guided, w * uncond));
}

#endif
