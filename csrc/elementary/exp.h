/* exp(x) = 2^k e^r, x = k ln 2 + r, |r| <= ln2/2. */
#ifndef FG_EXP_H
#define FG_EXP_H

#include "elementary/exp_parts.h"

#define EXP_LARGEST PICK(89.0f, 710.0)     /* beyond it, the result is infinite */
#define EXP_SMALLEST PICK(-104.0f, -746.0) /* below it, the result rounds to 0 */

/* Meaningless outside EXP_SMALLEST <= x <= EXP_LARGEST. */
static inline real exp_within_limits(real x)
{
    real shifted_k = exp_shifted_k(x);
    real k = exp_k(shifted_k);
    real head = exp_head_of(x, k);
    real twice = R(2.0) + mul_add(R(2.0), head, exp_twice_tail(head, k));
    /* A subnormal result is first computed 2^rise too large, where 2^k is still normal. */
    real_bits rise = x < PICK(-86.0f, -708.0) ? PICK(64, 128) : 0;
    real fall = x < PICK(-86.0f, -708.0) ? PICK(0x1p-64f, 0x1p-128) : R(1.0);
    return twice * real_of_bits((bits_of(shifted_k) + rise) << REAL_MANTISSA_BITS) * fall;
}

static inline real real_exp(real x)
{
    real y = exp_within_limits(x);
    y = x < EXP_SMALLEST ? R(0.0) : y;
    return x > EXP_LARGEST ? REAL_INFINITY : y;
}

#endif
