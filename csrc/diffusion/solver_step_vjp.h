/* The derivatives of solver_step.h: inputs and cotangents to results and gradients.
 *
 * If the denoised sample is clipped, its cotangent goes to the limit alone.
 *
 * Max error: 4 ULP of the largest of its terms, before the sums over the row.
 */
#ifndef FG_DIFFUSION_SOLVER_STEP_VJP_H
#define FG_DIFFUSION_SOLVER_STEP_VJP_H

#include "diffusion/solver_step.h"

static inline void solver_step_0_vjp(real x, real p, real a, real b, real limit, real u, real v,
                                     real k, real c_next, real c_denoised, real *next,
                                     real *denoised, real *d_x, real *d_p, real *d_a, real *d_b,
                                     real *d_limit, real *d_u, real *d_v, real *d_k)
{
    solver_step_0(x, p, a, b, limit, u, v, k, next, denoised);
    solver_step_back(x, p, a, b, limit, u, v, k, c_next, c_denoised, *denoised, d_x, d_p, d_a, d_b,
                     d_limit, d_u, d_v, d_k);
}

static inline void solver_step_1_vjp(real x, real p, real t1, real a, real b, real limit, real u,
                                     real v, real k, real c1, real c_next, real c_denoised,
                                     real *next, real *denoised, real *d_x, real *d_p, real *d_t1,
                                     real *d_a, real *d_b, real *d_limit, real *d_u, real *d_v,
                                     real *d_k, real *d_c1)
{
    solver_step_1(x, p, t1, a, b, limit, u, v, k, c1, next, denoised);
    solver_step_back(x, p, a, b, limit, u, v, k, c_next, c_denoised, *denoised, d_x, d_p, d_a, d_b,
                     d_limit, d_u, d_v, d_k);
    *d_t1 = c1 * c_next;
    *d_c1 = t1 * c_next;
}

static inline void solver_step_2_vjp(real x, real p, real t1, real t2, real a, real b, real limit,
                                     real u, real v, real k, real c1, real c2, real c_next,
                                     real c_denoised, real *next, real *denoised, real *d_x,
                                     real *d_p, real *d_t1, real *d_t2, real *d_a, real *d_b,
                                     real *d_limit, real *d_u, real *d_v, real *d_k, real *d_c1,
                                     real *d_c2)
{
    solver_step_2(x, p, t1, t2, a, b, limit, u, v, k, c1, c2, next, denoised);
    solver_step_back(x, p, a, b, limit, u, v, k, c_next, c_denoised, *denoised, d_x, d_p, d_a, d_b,
                     d_limit, d_u, d_v, d_k);
    *d_t1 = c1 * c_next;
    *d_t2 = c2 * c_next;
    *d_c1 = t1 * c_next;
    *d_c2 = t2 * c_next;
}

static inline void solver_step_3_vjp(real x, real p, real t1, real t2, real t3, real a, real b,
                                     real limit, real u, real v, real k, real c1, real c2, real c3,
                                     real c_next, real c_denoised, real *next, real *denoised,
                                     real *d_x, real *d_p, real *d_t1, real *d_t2, real *d_t3,
                                     real *d_a, real *d_b, real *d_limit, real *d_u, real *d_v,
                                     real *d_k, real *d_c1, real *d_c2, real *d_c3)
{
    solver_step_3(x, p, t1, t2, t3, a, b, limit, u, v, k, c1, c2, c3, next, denoised);
    solver_step_back(x, p, a, b, limit, u, v, k, c_next, c_denoised, *denoised, d_x, d_p, d_a, d_b,
                     d_limit, d_u, d_v, d_k);
    *d_t1 = c1 * c_next;
    *d_t2 = c2 * c_next;
    *d_t3 = c3 * c_next;
    *d_c1 = t1 * c_next;
    *d_c2 = t2 * c_next;
    *d_c3 = t3 * c_next;
}

static inline void solver_step_4_vjp(real x, real p, real t1, real t2, real t3, real t4, real a,
                                     real b, real limit, real u, real v, real k, real c1, real c2,
                                     real c3, real c4, real c_next, real c_denoised, real *next,
                                     real *denoised, real *d_x, real *d_p, real *d_t1, real *d_t2,
                                     real *d_t3, real *d_t4, real *d_a, real *d_b, real *d_limit,
                                     real *d_u, real *d_v, real *d_k, real *d_c1, real *d_c2,
                                     real *d_c3, real *d_c4)
{
    solver_step_4(x, p, t1, t2, t3, t4, a, b, limit, u, v, k, c1, c2, c3, c4, next, denoised);
    solver_step_back(x, p, a, b, limit, u, v, k, c_next, c_denoised, *denoised, d_x, d_p, d_a, d_b,
                     d_limit, d_u, d_v, d_k);
    *d_t1 = c1 * c_next;
    *d_t2 = c2 * c_next;
    *d_t3 = c3 * c_next;
    *d_t4 = c4 * c_next;
    *d_c1 = t1 * c_next;
    *d_c2 = t2 * c_next;
    *d_c3 = t3 * c_next;
    *d_c4 = t4 * c_next;
}

#endif
