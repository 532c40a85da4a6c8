/* expm1_minus_x(x) = e^x - 1 - x = (2^k - 1 - k ln2_hi + (2^k - 1) head) + 2^k tail.
 *
 * Here e^x = 2^k (1 + head + tail) and x = k ln2_hi + head, both exact. For k = 0 the bracket is 0
 * and the result is the tail, the series x^2/2 + x^3/6 + ... So no digit is lost near 0, where
 * expm1(x) - x loses all of them. For other k the terms of the bracket are exact or nearly so, and
 * 2^k - 1 and k ln 2 cancel exactly.
 *
 * Max error: 1.64 ULP float (all inputs), 1.58 ULP double (4e7 inputs); without FMA 1.81, 1.82.
 * Never negative; exactly 0 at 0 and -0; inf at -inf and inf, overflow gives inf, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_EXPM1_MINUS_X_H
#define FG_ELEMENTARY_EXPM1_MINUS_X_H

#include "elementary/exp_parts.h"

static inline real real_expm1_minus_x(real x)
{
    real shifted_k = exp_shifted_k(x);
    real k = exp_k(shifted_k);
    real head = exp_head_of(x, k);
    real t = exp_half_power(shifted_k);
    real t_minus_half = t - R(0.5);
    real half_bracket = mul_add(t_minus_half, head, mul_add(k, R(-0.5) * LN2_HI, t_minus_half));
    real y = mul_add(R(2.0), half_bracket, t * exp_fine_twice_tail(head, k));
    y = x < EXP_TINY ? R(-1.0) - x : y;
    return x > EXP_LARGEST ? REAL_INFINITY : y;
}

#endif
