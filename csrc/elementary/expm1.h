/* expm1(x) = e^x - 1 = (2^k - 1 + 2^k head) + 2^k tail, for e^x = 2^k (1 + head + tail).
 *
 * The bracket keeps its rounding error, and head is exact. So nothing cancels, near e^x = 1 (where
 * k = 0 and the bracket is x) or elsewhere.
 *
 * Max error: 0.89 ULP float (all inputs), 0.89 ULP double (4e7 inputs); without FMA 0.92, 0.89.
 * expm1(-0) = -0, expm1(-inf) = -1, expm1(inf) = inf, overflow gives inf, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_EXPM1_H
#define FG_ELEMENTARY_EXPM1_H

#include "elementary/exp_parts.h"

static inline real real_expm1(real x)
{
    real shifted_k = exp_shifted_k(x);
    real k = exp_k(shifted_k);
    real head = exp_head_of(x, k);
    real t = exp_half_power(shifted_k);
    real t_minus_half = t - R(0.5);
    /* sum + rest = t - 1/2 + t head, because |t - 1/2| >= |t head| or t - 1/2 is 0. */
    real sum = mul_add(t, head, t_minus_half);
    real rest = mul_add(t, head, t_minus_half - sum);
    /* The rounding error of t - 1/2. It is not 0 if t is just above 2^mantissa. */
    real twice_lost = mul_add(R(2.0), t - t_minus_half, R(-1.0));
    rest = mul_add(R(2.0), rest, mul_add(t, exp_fine_twice_tail(head, k), twice_lost));
    real y = mul_add(R(2.0), sum, rest);
    y = x * x == R(0.0) ? x : y; /* keeps -0, and subnormal x, which halving would round */
    y = x < EXP_TINY ? R(-1.0) : y;
    return x > EXP_LARGEST ? REAL_INFINITY : y;
}

#endif
