/* The ratio r = a / b of two scales, for r - 1 - log r, which cancels near r = 1.
 *
 * r = base + q. If a and b are within a factor of 2, base is 1, and q is (a - b) / b, whose
 * numerator is exact. Otherwise base is 0. q + remainder is the exact quotient: remainder is the
 * rounding error of q.
 */
#ifndef FG_VAE_SCALE_RATIO_H
#define FG_VAE_SCALE_RATIO_H

#include "elementary/x_minus_log1p.h"
#include "vae/standardized.h"

/* 1 / b; NaN if one of the scales is negative. */
static inline real inverse_scale(real a, real b)
{
    return real_min(a, b) < 0 ? REAL_NAN : 1 / b;
}

static inline real scale_ratio(real a, real b, real inverse_b, real *base, real *remainder)
{
    const real smaller = real_min(a, b), larger = real_max(a, b);
    *base = smaller + smaller > larger ? R(1.0) : R(0.0);
    const real numerator = smaller + smaller > larger ? a - b : a;
    const real q = standardized(numerator, inverse_b);
    *remainder = mul_add(-q, b, numerator) * inverse_b;
    return q;
}

/* r - 1 - log r; +inf if r is 0, infinite or below the normal range. The caller corrects it by
 * remainder times 1 - 1/r. */
static inline real ratio_excess(real q, real base, real *inverse_ratio)
{
    real log_head, log_rest;
    const real y = log_excess(q, base, &log_head, &log_rest, inverse_ratio);
    const real ratio = q + base;
    const real limited = ratio < PICK(0x1p-126f, 0x1p-1022) ? REAL_INFINITY : y;
    return q == REAL_INFINITY ? REAL_INFINITY : limited;
}

#endif
