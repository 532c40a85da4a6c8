/* magnitude_aware(u, c, s, k) = u + s' (c - u),   s' = 1 + (s - 1) e^{-k |c - u| / |u|}   over a
 * sample.
 *
 * If the two predictions lie far apart, strong guidance would leave the model's distribution, so it
 * is damped. If c = u, it is not damped, also for u = 0.
 *
 * Derivative: let w be the cotangent, r = |c - u| / |u|, e = e^-kr, G = <w, c - u>. Then the
 * gradient of s is G e, that of k is -G (s - 1) r e. That of r is -G (s - 1) k e, from which c and
 * u have shares beside s' w and (1 - s') w: r changes by (c - u) / (r |u|^2) along c, and by that
 * and r u / |u|^2 against u. If c = u or u = 0, only s' w and (1 - s') w are left, and G of s if c
 * = u.
 *
 * Source: Zhu et al., "MAMBO-G: Magnitude-Aware Mitigation for Boosted Guidance" (2025); k = 8
 * there.
 * Max error: 6 ULP of the largest term, times 1 + k |c - u| / |u|. NaN gives a NaN sample.
 * Of derivatives: 6 ULP of the largest term, times the same.
 */
#ifndef FG_GUIDANCE_MAGNITUDE_AWARE_H
#define FG_GUIDANCE_MAGNITUDE_AWARE_H

#include "elementary/exp.h"
#include "guidance/cfg.h"

static inline void magnitude_aware_sums(double uncond, double cond, double scale, double damping,
                                        double *apart, double *square)
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

/* The stages with a cotangent w. */

static inline void magnitude_aware_vjp_sums(double uncond, double cond, double scale,
                                            double damping, double w, double *apart, double *square,
                                            double *along)
{
    magnitude_aware_sums(uncond, cond, scale, damping, apart, square);
    *along = w * (cond - uncond);
}

/* across: G / (r |u|^2); inward: G r / |u|^2. */
static inline void magnitude_aware_vjp_sums_close(real n, real apart, real square, real along,
                                                  real *ratio, real *across, real *inward)
{
    magnitude_aware_close(n, apart, square, ratio);
    const real none = apart == R(0.0) ? R(1.0) : square == R(0.0) ? R(1.0) : R(0.0);
    *across = none > R(0.0) ? R(0.0) : along / real_sqrt(apart * square);
    *inward = none > R(0.0) ? R(0.0) : along * *ratio / square;
}

static inline void magnitude_aware_vjp(real uncond, real cond, real scale, real damping, real w,
                                       real ratio, real across, real inward, real *result,
                                       real *d_uncond, real *d_cond, real *of_scale,
                                       real *of_damping)
{
    const real fall = real_exp(-(damping * ratio)), apart = cond - uncond;
    const real damped = mul_add(scale - R(1.0), fall, R(1.0));
    const real slope = (scale - R(1.0)) * damping * fall;
    const real step = slope * across * apart;
    *result = cfg(uncond, cond, damped);
    *d_cond = mul_add(damped, w, -step);
    *d_uncond = mul_add(R(1.0) - damped, w, mul_add(slope * inward, uncond, step));
    *of_scale = w * apart * fall;
    *of_damping = fall == R(0.0) ? R(0.0) : -((scale - R(1.0)) * fall * ratio * (w * apart));
}

static inline void magnitude_aware_vjp_close(real n, real d_scale, real d_damping, real *first,
                                             real *second)
{
    (void)n;
    *first = d_scale;
    *second = d_damping;
}

#endif
