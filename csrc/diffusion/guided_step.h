/* One step of a diffusion sampler under classifier-free guidance, from the two predictions:
 *
 *     g        = n + s (p - n)              n without, p with the condition
 *     denoised = clip(a x + b g, -limit, limit)
 *     next     = u x + v g + w n + k denoised + c_1 t_1 + ... + c_4 t_4
 *
 * This is cfg.h and then solver_step.h. The guided prediction g is never in memory, so it is never
 * rounded to half precision. In CFG++, w moves the noise of the next sample from the guided to the
 * unconditional prediction. With w = 0 the results have the bits of the two operations in sequence.
 *
 * Source: Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022); Chung et al., "CFG++:
 * Manifold-constrained Classifier Free Guidance for Diffusion Models" (2024), algorithm 2.
 * Max error (float and double): of `denoised` 3 ULP of the largest of |a x|, |b n| and |b s (p -
 * n)|; of `next` 5 ULP, with four terms 6 ULP, of the largest product; the three above count times
 * k.
 */
#ifndef FG_DIFFUSION_GUIDED_STEP_H
#define FG_DIFFUSION_GUIDED_STEP_H

#include "diffusion/solver_step.h"
#include "guidance/cfg.h"

/* The common part, given the sum of the terms. */
static inline void guided_step_from(real terms, real x, real uncond, real cond, real scale, real a,
                                    real b, real limit, real u, real v, real w, real k, real *next,
                                    real *denoised)
{
    const real guided = cfg(uncond, cond, scale);
    solver_step_from(mul_add(w, uncond, terms), x, guided, a, b, limit, u, v, k, next, denoised);
}

static inline void guided_step_0(real x, real uncond, real cond, real scale, real a, real b,
                                 real limit, real u, real v, real w, real k, real *next,
                                 real *denoised)
{
    guided_step_from(R(0.0), x, uncond, cond, scale, a, b, limit, u, v, w, k, next, denoised);
}

static inline void guided_step_1(real x, real uncond, real cond, real t1, real scale, real a,
                                 real b, real limit, real u, real v, real w, real k, real c1,
                                 real *next, real *denoised)
{
    guided_step_from(c1 * t1, x, uncond, cond, scale, a, b, limit, u, v, w, k, next, denoised);
}

static inline void guided_step_2(real x, real uncond, real cond, real t1, real t2, real scale,
                                 real a, real b, real limit, real u, real v, real w, real k,
                                 real c1, real c2, real *next, real *denoised)
{
    const real terms = mul_add(c1, t1, c2 * t2);
    guided_step_from(terms, x, uncond, cond, scale, a, b, limit, u, v, w, k, next, denoised);
}

static inline void guided_step_3(real x, real uncond, real cond, real t1, real t2, real t3,
                                 real scale, real a, real b, real limit, real u, real v, real w,
                                 real k, real c1, real c2, real c3, real *next, real *denoised)
{
    const real terms = mul_add(c1, t1, mul_add(c2, t2, c3 * t3));
    guided_step_from(terms, x, uncond, cond, scale, a, b, limit, u, v, w, k, next, denoised);
}

static inline void guided_step_4(real x, real uncond, real cond, real t1, real t2, real t3, real t4,
                                 real scale, real a, real b, real limit, real u, real v, real w,
                                 real k, real c1, real c2, real c3, real c4, real *next,
                                 real *denoised)
{
    const real terms = mul_add(c1, t1, mul_add(c2, t2, mul_add(c3, t3, c4 * t4)));
    guided_step_from(terms, x, uncond, cond, scale, a, b, limit, u, v, w, k, next, denoised);
}

#endif
