/* The rounding error of a difference, and the correction of a function of it.
 *
 * exp(a - b) multiplies the rounding error of a - b by its size: at a - b = 20, ten units in the
 * last place. f(d + error) = f(d) + error f'(d) restores them.
 */
#ifndef FG_CORE_DIFFERENCE_H
#define FG_CORE_DIFFERENCE_H

#include "core/real.h"

/* a - b - d exactly, where d = a - b was rounded (Knuth's TwoSum); NaN where something is infinite.
 */
static inline real difference_error(real a, real b, real d)
{
    const real part = d - a;
    return (a - (d - part)) - (b + part);
}

/* y + error * slope; y alone where that is NaN, because one of them is infinite. */
static inline real corrected(real y, real error, real slope)
{
    const real z = mul_add(error, slope, y);
    return z == z ? z : y;
}

#endif
