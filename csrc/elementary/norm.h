/* norm(x) = sqrt(sum x_i^2), and its derivative, the unit vector x / norm(x), which is 0 at x = 0.
 *
 * Two stages: the largest element, then the sum of squares. If the largest element is far from 1,
 * the elements are scaled by a power of 2. So no square overflows, and no square that matters
 * underflows. An infinite element makes the norm infinite; its own derivative is its sign.
 *
 * A short cut sums the squares first. If the sum shows that the largest element is not far from 1,
 * it is the sum of the second stage, and the row is read once.
 *
 * Max error: 1.5 ULP; 2 ULP of the derivative (float and double).
 */
#ifndef FG_ELEMENTARY_NORM_H
#define FG_ELEMENTARY_NORM_H

#include "core/real.h"

static inline void norm_largest(real x, real *term)
{
    *term = real_abs(x);
}

static inline void norm_unscaled(real x, real *term)
{
    *term = x * x;
}

/* The sum is at least the largest square, and at most n times it. So within these limits the
 * largest element is within 2^-60 and 2^60, and the scale is 1. */
static inline void norm_short_cut_close(real n, real sum, real *value, real *scale, real *inverse)
{
    const real length = real_sqrt(sum);
    const int near = (sum >= n * R(0x1p-119)) & (sum <= R(0x1p119));
    *value = near ? length : REAL_NAN;
    *scale = R(1.0);
    *inverse = R(1.0) / length;
}

/* The limits for arrays of float and of double. The norm is computed in double for both. */
#define NORM_HUGE PICK(0x1p100f, 0x1p200)
#define NORM_TINY PICK(0x1p-100f, 0x1p-200)

static inline void norm_largest_close(real n, real largest, real *scale)
{
    (void)n;
    const real down = largest > NORM_HUGE ? PICK(0x1p-100f, 0x1p-600) : R(0x1p-80);
    const real up = largest < NORM_TINY ? PICK(0x1p100f, 0x1p600) : R(0x1p110);
    const real from_small = largest < R(0x1p-60) ? up : R(1.0);
    const real found = largest > R(0x1p60) ? down : from_small;
    *scale = ((largest > 0) & (largest < REAL_INFINITY)) ? found : R(1.0);
}

static inline void norm_square(real x, real scale, real *term)
{
    const real scaled = x * scale;
    *term = scaled * scaled;
}

static inline void norm_square_close(real n, real sum, real *value, real *scale, real *inverse)
{
    (void)n;
    const real length = real_sqrt(sum);
    const real given = *value;
    *value = length / given;
    *scale = given;
    *inverse = sum == 0 ? R(0.0) : R(1.0) / length;
}

static inline void norm_vjp(real x, real cotangent, real value, real scale, real inverse, real *d_x)
{
    (void)value;
    const real sign = x < 0 ? R(-1.0) : R(1.0);
    const real unit = real_abs(x) == REAL_INFINITY ? sign : (x * scale) * inverse;
    *d_x = unit == 0 ? R(0.0) : cotangent * unit;
}

#endif
