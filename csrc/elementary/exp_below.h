/* e^(x - m) of numbers x that are at most m: what is summed for the logarithm of a sum.
 *
 * Equal numbers are compared, not subtracted, so that infinities need no care. What x - m lost in
 * rounding is given back, or the result would be wrong by |x - m| / 2 ULP.
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
