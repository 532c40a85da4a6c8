/* x + t (y - x), on the way from x at t = 0 to y at t = 1.
 *
 * t is given once per row. Computed from the nearer end: y - (1 - t) (y - x) from t = 0.5 on, where
 * 1 - t is exact. So the ends are exact, and where x = y the result is x. Where the difference
 * overflows, or x or y is infinite, it is (1 - t) x + t y.
 *
 * Max error: 1.5 ULP (float and double) of the larger of |x| and |y|, for t from 0 to 1.
 */
#ifndef FG_ELEMENTARY_LERP_H
#define FG_ELEMENTARY_LERP_H

#include "core/real.h"

static inline real lerp(real x, real y, real t)
{
    const real difference = y - x;
    const int later = t >= R(0.5);
    const real close = mul_add(later ? t - R(1.0) : t, difference, later ? y : x);
    const real whole = mul_add(t, y, (R(1.0) - t) * x);
    return real_abs(difference) < REAL_INFINITY ? close : whole;
}

static inline real lerp_grad(real x, real y, real t, real *d_x, real *d_y, real *d_t)
{
    *d_x = R(1.0) - t;
    *d_y = t;
    *d_t = y - x;
    return lerp(x, y, t);
}

#endif
