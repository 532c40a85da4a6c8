/* e^(x - m) for x <= m: a term of the logarithm of a sum.
 *
 * x and m are compared first, so that equal infinities give 1. The rounding error of x - m is
 * corrected. Without the correction, the result would be wrong by |x - m| / 2 ULP.
 *
 * Max error: 2 ULP.
 */
#ifndef FG_ELEMENTARY_EXP_BELOW_H
#define FG_ELEMENTARY_EXP_BELOW_H

#include "core/difference.h"
#include "elementary/exp.h"

static inline real exp_below(real x, real m)
{
    const real below = x - m, power = real_exp(below);
    return x == m ? R(1.0) : corrected(power, difference_error(x, m, below), power);
}

/* The same as a term of a sum whose largest term is 1: 0 where it would be below 2^-124 (2^-1021
 * in double). The error of x - m is added to the reduced argument, so it costs nothing.
 *
 * Max error of other terms: 1 ULP. */
static inline real exp_term_below(real x, real m)
{
    const real below = x - m;
    const real shifted_k = exp_shifted_k(below);
    const real k = exp_k(shifted_k);
    const real head = exp_head_of(below, k);
    const real rest = mul_add(k, -LN2_LO, difference_error(x, m, below));
    const real r = head + rest, square = r * r;
    const real square_twice = square * mul_add(r, exp_series(r, square), R(1.0));
    const real twice = R(2.0) + mul_add(R(2.0), head, mul_add(R(2.0), rest, square_twice));
    const real term = twice * exp_half_power(shifted_k);
    const real seen = below < PICK(-86.0f, -708.0) ? R(0.0) : term;
    return x == m ? R(1.0) : seen;
}

#endif
