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

#endif
