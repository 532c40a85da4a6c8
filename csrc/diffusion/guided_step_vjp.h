/* The derivatives of guided_step.h: those of solver_step.h at the guided prediction g, whose
 * gradient d_g goes on to the predictions and the scale:
 *
 *     d_n = (1 - s) d_g + w c_next,   d_p = s d_g,   d_s = (p - n) d_g,   d_w = n c_next
 *
 * Max error: 6 ULP of the largest of its terms, before the sums over the row.
 */
#ifndef FG_DIFFUSION_GUIDED_STEP_VJP_H
#define FG_DIFFUSION_GUIDED_STEP_VJP_H

#include "diffusion/guided_step.h"
#include "diffusion/solver_step_vjp.h"

/* The gradients of the common operands, from the cotangents of the two results. */
static inline void guided_step_back(real x, real n, real p, real s, real a, real b, real limit,
                                    real u, real v, real w, real k, real c_next, real c_denoised,
                                    real denoised, real *d_x, real *d_n, real *d_p, real *d_s,
                                    real *d_a, real *d_b, real *d_limit, real *d_u, real *d_v,
                                    real *d_w, real *d_k)
{
    real d_g;
    solver_step_back(x, cfg(n, p, s), a, b, limit, u, v, k, c_next, c_denoised, denoised, d_x, &d_g,
                     d_a, d_b, d_limit, d_u, d_v, d_k);
    *d_n = mul_add(R(1.0) - s, d_g, w * c_next);
    *d_p = s * d_g;
    *d_s = (p - n) * d_g;
    *d_w = n * c_next;
}

static inline void guided_step_0_vjp(real x, real n, real p, real s, real a, real b, real limit,
                                     real u, real v, real w, real k, real c_next, real c_denoised,
                                     real *next, real *denoised, real *d_x, real *d_n, real *d_p,
                                     real *d_s, real *d_a, real *d_b, real *d_limit, real *d_u,
                                     real *d_v, real *d_w, real *d_k)
{
    guided_step_0(x, n, p, s, a, b, limit, u, v, w, k, next, denoised);
    guided_step_back(x, n, p, s, a, b, limit, u, v, w, k, c_next, c_denoised, *denoised, d_x, d_n,
                     d_p, d_s, d_a, d_b, d_limit, d_u, d_v, d_w, d_k);
}

static inline void guided_step_1_vjp(real x, real n, real p, real t1, real s, real a, real b,
                                     real limit, real u, real v, real w, real k, real c1,
                                     real c_next, real c_denoised, real *next, real *denoised,
                                     real *d_x, real *d_n, real *d_p, real *d_t1, real *d_s,
                                     real *d_a, real *d_b, real *d_limit, real *d_u, real *d_v,
                                     real *d_w, real *d_k, real *d_c1)
{
    guided_step_1(x, n, p, t1, s, a, b, limit, u, v, w, k, c1, next, denoised);
    guided_step_back(x, n, p, s, a, b, limit, u, v, w, k, c_next, c_denoised, *denoised, d_x, d_n,
                     d_p, d_s, d_a, d_b, d_limit, d_u, d_v, d_w, d_k);
    *d_t1 = c1 * c_next;
    *d_c1 = t1 * c_next;
}

static inline void guided_step_2_vjp(real x, real n, real p, real t1, real t2, real s, real a,
                                     real b, real limit, real u, real v, real w, real k, real c1,
                                     real c2, real c_next, real c_denoised, real *next,
                                     real *denoised, real *d_x, real *d_n, real *d_p, real *d_t1,
                                     real *d_t2, real *d_s, real *d_a, real *d_b, real *d_limit,
                                     real *d_u, real *d_v, real *d_w, real *d_k, real *d_c1,
                                     real *d_c2)
{
    guided_step_2(x, n, p, t1, t2, s, a, b, limit, u, v, w, k, c1, c2, next, denoised);
    guided_step_back(x, n, p, s, a, b, limit, u, v, w, k, c_next, c_denoised, *denoised, d_x, d_n,
                     d_p, d_s, d_a, d_b, d_limit, d_u, d_v, d_w, d_k);
    *d_t1 = c1 * c_next;
    *d_t2 = c2 * c_next;
    *d_c1 = t1 * c_next;
    *d_c2 = t2 * c_next;
}

static inline void guided_step_3_vjp(real x, real n, real p, real t1, real t2, real t3, real s,
                                     real a, real b, real limit, real u, real v, real w, real k,
                                     real c1, real c2, real c3, real c_next, real c_denoised,
                                     real *next, real *denoised, real *d_x, real *d_n, real *d_p,
                                     real *d_t1, real *d_t2, real *d_t3, real *d_s, real *d_a,
                                     real *d_b, real *d_limit, real *d_u, real *d_v, real *d_w,
                                     real *d_k, real *d_c1, real *d_c2, real *d_c3)
{
    guided_step_3(x, n, p, t1, t2, t3, s, a, b, limit, u, v, w, k, c1, c2, c3, next, denoised);
    guided_step_back(x, n, p, s, a, b, limit, u, v, w, k, c_next, c_denoised, *denoised, d_x, d_n,
                     d_p, d_s, d_a, d_b, d_limit, d_u, d_v, d_w, d_k);
    *d_t1 = c1 * c_next;
    *d_t2 = c2 * c_next;
    *d_t3 = c3 * c_next;
    *d_c1 = t1 * c_next;
    *d_c2 = t2 * c_next;
    *d_c3 = t3 * c_next;
}

static inline void guided_step_4_vjp(real x, real n, real p, real t1, real t2, real t3, real t4,
                                     real s, real a, real b, real limit, real u, real v, real w,
                                     real k, real c1, real c2, real c3, real c4, real c_next,
                                     real c_denoised, real *next, real *denoised, real *d_x,
                                     real *d_n, real *d_p, real *d_t1, real *d_t2, real *d_t3,
                                     real *d_t4, real *d_s, real *d_a, real *d_b, real *d_limit,
                                     real *d_u, real *d_v, real *d_w, real *d_k, real *d_c1,
                                     real *d_c2, real *d_c3, real *d_c4)
{
    guided_step_4(x, n, p, t1, t2, t3, t4, s, a, b, limit, u, v, w, k, c1, c2, c3, c4, next,
                  denoised);
    guided_step_back(x, n, p, s, a, b, limit, u, v, w, k, c_next, c_denoised, *denoised, d_x, d_n,
                     d_p, d_s, d_a, d_b, d_limit, d_u, d_v, d_w, d_k);
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
