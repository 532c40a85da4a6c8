/* perp_neg(b, p, m, s, t) = b + s (p' - t (m' - (<m', p'> / <p', p'>) p')),   over a sample,
 * p' = p - b, m' = m - b.
 *
 * b is the prediction without a prompt, p with the positive and m with the negative prompt. The
 * part of m' that is perpendicular to p' is subtracted. If p' is 0, that is the whole of m'.
 *
 * Derivative: let w be the cotangent, k = <m', p'> / <p', p'>, g = s t <w, p'> / <p', p'>, which is
 * 0 where p' = 0. Then the gradients are g p' - s t w of m', s w + s t k w + g (m' - 2 k p') of p',
 * and w less these two of b; <w, p' - t (m' - k p')> of s, and -s <w, m' - k p'> of t.
 *
 * Source: Armandpour et al., "Re-imagine the Negative Prompt Algorithm" (2023).
 * Max error: 6 ULP of the largest term. NaN gives a NaN sample. Of derivatives: 4 ULP of the
 * largest term.
 */
#ifndef FG_GUIDANCE_PERP_NEG_H
#define FG_GUIDANCE_PERP_NEG_H

#include "core/real.h"

static inline void perp_neg_sums(double base, double positive, double negative, double scale,
                                 double negative_scale, double *both, double *square)
{
    (void)scale;
    (void)negative_scale;
    double toward = positive - base;
    *both = (negative - base) * toward;
    *square = toward * toward;
}

static inline void perp_neg_close(real n, real both, real square, real *along)
{
    (void)n;
    *along = square == R(0.0) ? R(0.0) : both / square;
}

static inline void perp_neg(real base, real positive, real negative, real scale,
                            real negative_scale, real along, real *result)
{
    real toward = positive - base;
    real away = mul_add(-along, toward, negative - base);
    *result = mul_add(scale, mul_add(-negative_scale, away, toward), base);
}

/* The stages with a cotangent w. */

static inline void perp_neg_vjp_sums(double base, double positive, double negative, double scale,
                                     double negative_scale, double w, double *both, double *square,
                                     double *with)
{
    perp_neg_sums(base, positive, negative, scale, negative_scale, both, square);
    *with = scale * negative_scale * w * (positive - base);
}

static inline void perp_neg_vjp_sums_close(real n, real both, real square, real with, real *along,
                                           real *slope)
{
    perp_neg_close(n, both, square, along);
    *slope = square == R(0.0) ? R(0.0) : with / square;
}

static inline void perp_neg_vjp(real base, real positive, real negative, real scale,
                                real negative_scale, real w, real along, real slope, real *result,
                                real *d_base, real *d_positive, real *d_negative, real *of_scale,
                                real *of_negative_scale)
{
    const real toward = positive - base;
    const real away = mul_add(-along, toward, negative - base);
    const real step = mul_add(-negative_scale, away, toward);
    const real of_step = scale * w, of_away = negative_scale * of_step;
    *result = mul_add(scale, step, base);
    *d_negative = mul_add(slope, toward, -of_away);
    *d_positive = mul_add(slope, mul_add(-along, toward, away), mul_add(along, of_away, of_step));
    *d_base = w - (*d_positive + *d_negative);
    *of_scale = w * step;
    *of_negative_scale = -of_step * away;
}

static inline void perp_neg_vjp_close(real n, real d_scale, real d_negative_scale, real *first,
                                      real *second)
{
    (void)n;
    *first = d_scale;
    *second = d_negative_scale;
}

#endif
