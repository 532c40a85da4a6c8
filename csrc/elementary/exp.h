/* exp(x) = 2^k e^r, x = k ln 2 + r, |r| <= ln2/2.
 *
 * e^r is a normal number and is rounded once. The multiplication by 2^k is exact, except where the
 * result is subnormal: there it rounds a second time.
 *
 * Max error: 0.87 ULP float (all inputs), 0.87 ULP double (4e7 inputs).
 * exp(-inf) = 0, exp(inf) = inf, overflow gives inf, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_EXP_H
#define FG_ELEMENTARY_EXP_H

#include "elementary/exp_parts.h"

/* Returns e^x / fall. If e^x may be subnormal, fall is 1 / EXP_RISE, so that the quotient is a
 * normal number; otherwise fall is 1. For EXP_RAISED_SMALLEST <= x <= EXP_LARGEST. */
#define EXP_RAISED_SMALLEST PICK(-150.0f, -840.0)
#define EXP_RISE PICK(0x1p96f, 0x1p192)

static inline real exp_raised(real x, real *fall)
{
    real shifted_k = exp_shifted_k(x);
    real k = exp_k(shifted_k);
    real head = exp_head_of(x, k);
    real twice = R(2.0) + mul_add(R(2.0), head, exp_twice_tail(head, k));
    real_bits rise = x < PICK(-86.0f, -708.0) ? PICK(96, 192) : 0;
    *fall = x < PICK(-86.0f, -708.0) ? 1 / EXP_RISE : R(1.0);
    return twice * real_of_bits((bits_of(shifted_k) + rise) << REAL_MANTISSA_BITS);
}

/* e^x for EXP_SMALLEST <= x <= EXP_LARGEST. Outside, the result has no meaning. */
static inline real exp_within_limits(real x)
{
    real fall;
    real raised = exp_raised(x, &fall);
    return raised * fall;
}

static inline real real_exp(real x)
{
    real y = exp_within_limits(x);
    y = x < EXP_SMALLEST ? R(0.0) : y;
    return x > EXP_LARGEST ? REAL_INFINITY : y;
}

#endif
