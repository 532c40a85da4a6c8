/* perp_neg(b, p, m, s, t) = b + s (p' - t (m' - (<m', p'> / <p', p'>) p')),   over a sample,
 * p' = p - b, m' = m - b.
 *
 * b is the prediction without a prompt, p with the positive and m with the negative prompt. The
 * part of m' that is perpendicular to p' is subtracted. If p' is 0, that is the whole of m'.
 *
 * Source: Armandpour et al., "Re-imagine the Negative Prompt Algorithm" (2023).
 * Max error: 6 ULP of the largest term. NaN gives a NaN sample.
 */
#ifndef FG_GUIDANCE_PERP_NEG_H
#define FG_GUIDANCE_PERP_NEG_H

#include "core/real.h"

static inline void perp_neg_sums(real base, real positive, real negative, real scale,
                                 real negative_scale, real *both, real *square)
{
    (void)scale;
    (void)negative_scale;
    real toward = positive - base;
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

#endif
