/* One step of a diffusion sampler, from the model's prediction p at x to the next sample:
 *
 *     denoised = clip(a x + b p, -limit, limit)
 *     next     = u x + v p + k denoised + c_1 t_1 + c_2 t_2 + c_3 t_3 + c_4 t_4
 *
 * Every solver is this formula. The schedule gives different coefficients for each. Multistep
 * methods keep the denoised sample (or the noise or slope that other a and b give), so it is a
 * result too. The terms t are such kept results, and noise. `solver_step_2` has two terms,
 * `solver_step_0` none.
 *
 * The clip is made of selects. It has no effect if limit is infinite, and it passes NaN.
 *
 * Source: Song et al., Denoising Diffusion Implicit Models (2021), eq. 12; Lu et al., DPM-Solver++
 * (2022), algorithm 2.
 * Max error (float and double): of `denoised` 2 ULP of the larger of its two terms; of `next` 4
 * ULP, with four terms 7 ULP, of the largest product of a coefficient and a number; a x and b p
 * count times k.
 */
#ifndef FG_DIFFUSION_SOLVER_STEP_H
#define FG_DIFFUSION_SOLVER_STEP_H

#include "core/real.h"

/* The common part, given the sum of the terms. */
static inline void solver_step_from(real terms, real x, real p, real a, real b, real limit, real u,
                                    real v, real k, real *next, real *denoised)
{
    *denoised = real_min(limit, real_max(-limit, mul_add(a, x, b * p)));
    *next = mul_add(k, *denoised, mul_add(u, x, mul_add(v, p, terms)));
}

/* The gradients of the common operands, from the cotangents of the two results. */
static inline void solver_step_back(real x, real p, real a, real b, real limit, real u, real v,
                                    real k, real c_next, real c_denoised, real denoised, real *d_x,
                                    real *d_p, real *d_a, real *d_b, real *d_limit, real *d_u,
                                    real *d_v, real *d_k)
{
    const real c = mul_add(k, c_next, c_denoised), free = mul_add(a, x, b * p);
    const real inside = real_abs(free) > limit ? R(0.0) : c;
    *d_x = mul_add(a, inside, u * c_next);
    *d_p = mul_add(b, inside, v * c_next);
    *d_a = x * inside;
    *d_b = p * inside;
    *d_limit = real_abs(free) > limit ? real_copysign(R(1.0), free) * c : R(0.0);
    *d_u = x * c_next;
    *d_v = p * c_next;
    *d_k = denoised * c_next;
}

static inline void solver_step_0(real x, real p, real a, real b, real limit, real u, real v, real k,
                                 real *next, real *denoised)
{
    solver_step_from(R(0.0), x, p, a, b, limit, u, v, k, next, denoised);
}

static inline void solver_step_1(real x, real p, real t1, real a, real b, real limit, real u,
                                 real v, real k, real c1, real *next, real *denoised)
{
    solver_step_from(c1 * t1, x, p, a, b, limit, u, v, k, next, denoised);
}

static inline void solver_step_2(real x, real p, real t1, real t2, real a, real b, real limit,
                                 real u, real v, real k, real c1, real c2, real *next,
                                 real *denoised)
{
    solver_step_from(mul_add(c1, t1, c2 * t2), x, p, a, b, limit, u, v, k, next, denoised);
}

static inline void solver_step_3(real x, real p, real t1, real t2, real t3, real a, real b,
                                 real limit, real u, real v, real k, real c1, real c2, real c3,
                                 real *next, real *denoised)
{
    const real terms = mul_add(c1, t1, mul_add(c2, t2, c3 * t3));
    solver_step_from(terms, x, p, a, b, limit, u, v, k, next, denoised);
}

static inline void solver_step_4(real x, real p, real t1, real t2, real t3, real t4, real a, real b,
                                 real limit, real u, real v, real k, real c1, real c2, real c3,
                                 real c4, real *next, real *denoised)
{
    const real terms = mul_add(c1, t1, mul_add(c2, t2, mul_add(c3, t3, c4 * t4)));
    solver_step_from(terms, x, p, a, b, limit, u, v, k, next, denoised);
}

#endif
