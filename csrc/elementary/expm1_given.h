/* e^x - 1, where e^x - 1 - x is known already: in a divergence and its gradient.
 *
 * Above -1 it is their sum, which loses little; below, e^x is small and 1 may simply be taken
 * away. The compiler shares the argument's reduction with that of e^x - 1 - x, so this costs a
 * third of expm1.
 *
 * Max error: 3 ULP (float and double), given e^x - 1 - x within 2 ULP. Not for the sign of zero.
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
