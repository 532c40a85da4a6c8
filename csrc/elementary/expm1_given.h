/* e^x - 1 from x and the known e^x - 1 - x, for a divergence and its gradient.
 *
 * For x > -1 the result is their sum, which loses little. For other x, e^x is small, and the result
 * is e^x less 1. The compiler shares the reduction of x with that of e^x - 1 - x. So this function
 * costs a third of expm1.
 *
 * Max error: 3 ULP (float and double), given e^x - 1 - x within 2 ULP. The sign of a zero may be
 * wrong.
 */
#ifndef FG_ELEMENTARY_EXPM1_GIVEN_H
#define FG_ELEMENTARY_EXPM1_GIVEN_H

#include "elementary/exp_parts.h"

static inline real real_expm1_given(real x, real expm1_minus_x)
{
    const real shifted_k = exp_shifted_k(x);
    const real k = exp_k(shifted_k);
    const real head = exp_head_of(x, k);
    const real twice_exp = R(2.0) + mul_add(R(2.0), head, exp_fine_twice_tail(head, k));
    const real below = mul_add(twice_exp, exp_half_power(shifted_k), R(-1.0));
    return x > R(-1.0) ? x + expm1_minus_x : x < EXP_TINY ? R(-1.0) : below;
}

#endif
