/* tangential(u, c, s) = v + s (c - v),   over a sample; v is the part of u along the first singular
 * vector of [c; u].
 *
 * The part of u across the main direction of the plane of c and u is dropped. The singular vectors
 * follow from the 2 x 2 matrix of <c, c>, <c, u>, <u, u>. With its eigenvector (w1, w2) of the
 * larger eigenvalue, of length 1, v = w2 (w1 c + w2 u). So no SVD of a 2 x n matrix is needed. The
 * eigenvector is a rotation by half the angle of ((<c,c> - <u,u>) / 2, <c,u>), so no nearly equal
 * eigenvalues are subtracted. The products are exact, except on x86-64-v2.
 *
 * Source: Kwon et al., "TCFG: Tangential Damping Classifier-free Guidance" (2025).
 * Max error: 6 ULP of the largest term. NaN gives a NaN sample.
 */
#ifndef FG_GUIDANCE_TANGENTIAL_H
#define FG_GUIDANCE_TANGENTIAL_H

#include "guidance/cfg.h"

/* A product and its rounding error. If c and u have nearly the same length and are nearly
 * perpendicular, the main direction depends on the last digits of the products. */
static inline void tangential_product(real x, real y, real *product, real *lost)
{
    *product = x * y;
    *lost = mul_add(x, y, -*product);
}

static inline void tangential_sums(real uncond, real cond, real scale, real *cond_cond,
                                   real *cond_uncond, real *uncond_uncond, real *cond_cond_lost,
                                   real *cond_uncond_lost, real *uncond_uncond_lost)
{
    (void)scale;
    tangential_product(cond, cond, cond_cond, cond_cond_lost);
    tangential_product(cond, uncond, cond_uncond, cond_uncond_lost);
    tangential_product(uncond, uncond, uncond_uncond, uncond_uncond_lost);
}

/* w2^2 and w1 w2, from cos and sin of the whole angle: cos^2 = (1 + cos)/2, sin cos = sin/2 of half
 * the angle. */
static inline void tangential_close(real n, real cond_cond, real cond_uncond, real uncond_uncond,
                                    real cond_cond_lost, real cond_uncond_lost,
                                    real uncond_uncond_lost, real *of_uncond, real *of_cond)
{
    (void)n;
    cond_cond += cond_cond_lost;
    cond_uncond += cond_uncond_lost;
    uncond_uncond += uncond_uncond_lost;
    real x = R(0.5) * (cond_cond - uncond_uncond), y = cond_uncond;
    real length = real_sqrt(mul_add(x, x, y * y));
    /* 1 - cos; for cos > 0 it is sin^2 / (1 + cos). */
    real cosine = length == R(0.0) ? R(0.0) : x / length;
    real sine = length == R(0.0) ? R(1.0) : y / length;
    real rest = cosine > R(0.0) ? sine * sine / (R(1.0) + cosine) : R(1.0) - cosine;
    *of_uncond = R(0.5) * rest;
    *of_cond = R(0.5) * sine;
}

static inline void tangential(real uncond, real cond, real scale, real of_uncond, real of_cond,
                              real *result)
{
    *result = cfg(mul_add(of_uncond, uncond, of_cond * cond), cond, scale);
}

#endif
