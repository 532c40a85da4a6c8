/* y = x / (1 + |x| / b), log|dy/dx| = -2 log(1 + |x| / b). It maps all numbers to (-b, b).
 *
 * The inverse is x = y / g, log|dx/dy| = -2 log g, g = 1 - |y| / b. g is computed as (b - |y|) / b,
 * whose difference is exact for |y| near b. If |y| / b < 1/2, log g is log1p(-|y| / b).
 *
 * Source: zuko's SoftclipTransform.
 * Max error: 3 ULP (float and double), before the sum. y = +-b gives +-inf, and |y| > b NaN.
 */
#ifndef FG_FLOW_BIJECTORS_SOFT_CLIP_H
#define FG_FLOW_BIJECTORS_SOFT_CLIP_H

#include "elementary/log.h"
#include "elementary/log1p.h"
#include "flow/bijectors/bijector.h"

static inline void flow_soft_clip_slopes(real x, real b, real *y, real *logabsdet, real *y_x,
                                         real *logabsdet_x, real *y_b, real *logabsdet_b)
{
    const real a = real_abs(x) / b, grown = 1 + a;
    const real share = a == REAL_INFINITY ? R(1.0) : a / grown;
    *y = a == REAL_INFINITY ? real_copysign(b, x) : x / grown;
    *logabsdet = R(-2.0) * real_log1p(a);
    *y_x = 1 / (grown * grown);
    *logabsdet_x = -real_copysign(2 / (b * grown), x);
    *y_b = real_copysign(share * share, x);
    *logabsdet_b = 2 * share / b;
}

static inline void flow_soft_clip_inverse_slopes(real y, real b, real *x, real *logabsdet,
                                                 real *x_y, real *logabsdet_y, real *x_b,
                                                 real *logabsdet_b)
{
    const real a = real_abs(y) / b, gap = (b - real_abs(y)) / b, share = a / gap;
    *x = gap < 0 ? REAL_NAN : y / gap;
    const real near = real_log1p(-a), far = real_log(gap);
    *logabsdet = R(-2.0) * (a < R(0.5) ? near : far);
    *x_y = 1 / (gap * gap);
    *logabsdet_y = real_copysign(2 / (b * gap), y);
    *x_b = -real_copysign(share * share, y);
    *logabsdet_b = -2 * share / b;
}

FLOW_BIJECTOR_OF(flow_soft_clip)
FLOW_BIJECTOR_OF(flow_soft_clip_inverse)

#endif
