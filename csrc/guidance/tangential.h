/* tangential(u, c, s) = v + s (c - v),   over a sample; v is the part of u along the first singular
 * vector of [c; u].
 *
 * The part of u across the main direction of the plane of c and u is dropped. The singular vectors
 * follow from the 2 x 2 matrix of <c, c>, <c, u>, <u, u>. With its eigenvector (w1, w2) of the
 * larger eigenvalue, of length 1, v = w2 (w1 c + w2 u). So no SVD of a 2 x n matrix is needed. The
 * eigenvector is a rotation by half the angle of ((<c,c> - <u,u>) / 2, <c,u>), so no nearly equal
 * eigenvalues are subtracted. The products are exact, except on x86-64-v2.
 *
 * Derivative: let w be the cotangent and d = (1 - s) w that of v = ((1 - cos) u + sin c) / 2, whose
 * angle is that of ((<c,c> - <u,u>) / 2, <c,u>), a vector of length l. The cotangent of the angle
 * over l is h = (sin <d,u> + cos <d,c>) / (2 l). So the gradients are (1 - cos) d / 2 + h (cos c +
 * sin u) of u, s w + sin d / 2 + h (cos u - sin c) of c, and <w, c - v> of s. If l = 0, no
 * direction is the main one, and h is 0.
 *
 * Source: Kwon et al., "TCFG: Tangential Damping Classifier-free Guidance" (2025).
 * Max error: 6 ULP of the largest term. NaN gives a NaN sample. Of derivatives: 6 ULP of the
 * largest term.
 */
#ifndef FG_GUIDANCE_TANGENTIAL_H
#define FG_GUIDANCE_TANGENTIAL_H

#include "guidance/cfg.h"

/* A product and its rounding error. If c and u have nearly the same length and are nearly
 * perpendicular, the main direction depends on the last digits of the products. */
static inline void tangential_product(double x, double y, double *product, double *lost)
{
    *product = x * y;
    *lost = wide_mul_add(x, y, -*product);
}

static inline void tangential_sums(double uncond, double cond, double scale, double *cond_cond,
                                   double *cond_uncond, double *uncond_uncond,
                                   double *cond_cond_lost, double *cond_uncond_lost,
                                   double *uncond_uncond_lost)
{
    (void)scale;
    tangential_product(cond, cond, cond_cond, cond_cond_lost);
    tangential_product(cond, uncond, cond_uncond, cond_uncond_lost);
    tangential_product(uncond, uncond, uncond_uncond, uncond_uncond_lost);
}

/* w2^2 and w1 w2, from cos and sin of the whole angle: cos^2 = (1 + cos)/2, sin cos = sin/2 of half
 * the angle. */
static inline void tangential_angle(real cond_cond, real cond_uncond, real uncond_uncond,
                                    real cond_cond_lost, real cond_uncond_lost,
                                    real uncond_uncond_lost, real *of_uncond, real *of_cond,
                                    real *length, real *cosine, real *sine)
{
    cond_cond += cond_cond_lost;
    cond_uncond += cond_uncond_lost;
    uncond_uncond += uncond_uncond_lost;
    real x = R(0.5) * (cond_cond - uncond_uncond), y = cond_uncond;
    *length = real_sqrt(mul_add(x, x, y * y));
    /* 1 - cos; for cos > 0 it is sin^2 / (1 + cos). */
    *cosine = *length == R(0.0) ? R(0.0) : x / *length;
    *sine = *length == R(0.0) ? R(1.0) : y / *length;
    real rest = *cosine > R(0.0) ? *sine * *sine / (R(1.0) + *cosine) : R(1.0) - *cosine;
    *of_uncond = R(0.5) * rest;
    *of_cond = R(0.5) * *sine;
}

static inline void tangential_close(real n, real cond_cond, real cond_uncond, real uncond_uncond,
                                    real cond_cond_lost, real cond_uncond_lost,
                                    real uncond_uncond_lost, real *of_uncond, real *of_cond)
{
    (void)n;
    real length, cosine, sine;
    tangential_angle(cond_cond, cond_uncond, uncond_uncond, cond_cond_lost, cond_uncond_lost,
                     uncond_uncond_lost, of_uncond, of_cond, &length, &cosine, &sine);
}

static inline void tangential(real uncond, real cond, real scale, real of_uncond, real of_cond,
                              real *result)
{
    *result = cfg(mul_add(of_uncond, uncond, of_cond * cond), cond, scale);
}

/* The stages with a cotangent w. */

static inline void tangential_vjp_sums(double uncond, double cond, double scale, double w,
                                       double *cond_cond, double *cond_uncond,
                                       double *uncond_uncond, double *cond_cond_lost,
                                       double *cond_uncond_lost, double *uncond_uncond_lost,
                                       double *with_uncond, double *with_cond)
{
    tangential_sums(uncond, cond, scale, cond_cond, cond_uncond, uncond_uncond, cond_cond_lost,
                    cond_uncond_lost, uncond_uncond_lost);
    const double d = (1.0 - scale) * w;
    *with_uncond = d * uncond;
    *with_cond = d * cond;
}

/* toward and across: h cos and h sin. */
static inline void tangential_vjp_sums_close(real n, real cond_cond, real cond_uncond,
                                             real uncond_uncond, real cond_cond_lost,
                                             real cond_uncond_lost, real uncond_uncond_lost,
                                             real with_uncond, real with_cond, real *of_uncond,
                                             real *of_cond, real *toward, real *across)
{
    (void)n;
    real length, cosine, sine;
    tangential_angle(cond_cond, cond_uncond, uncond_uncond, cond_cond_lost, cond_uncond_lost,
                     uncond_uncond_lost, of_uncond, of_cond, &length, &cosine, &sine);
    const real both = R(0.5) * mul_add(sine, with_uncond, cosine * with_cond);
    const real turn = length == R(0.0) ? R(0.0) : both / length;
    *toward = turn * cosine;
    *across = turn * sine;
}

static inline void tangential_vjp(real uncond, real cond, real scale, real w, real of_uncond,
                                  real of_cond, real toward, real across, real *result,
                                  real *d_uncond, real *d_cond, real *of_scale)
{
    const real v = mul_add(of_uncond, uncond, of_cond * cond), d = (R(1.0) - scale) * w;
    *result = cfg(v, cond, scale);
    *d_uncond = mul_add(of_uncond, d, mul_add(toward, cond, across * uncond));
    *d_cond = mul_add(scale, w, mul_add(of_cond, d, mul_add(toward, uncond, -across * cond)));
    *of_scale = w * (cond - v);
}

static inline void tangential_vjp_close(real n, real d_scale, real *first)
{
    (void)n;
    *first = d_scale;
}

#endif
