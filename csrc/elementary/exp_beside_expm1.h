/* e^x where e^x - 1 is computed too. Both have one reduction of x and one tail, which the compiler
 * shares: together they cost a sixth more than e^x - 1 alone.
 *
 * The limits are those of exp.h.
 */
#ifndef FG_ELEMENTARY_EXP_BESIDE_EXPM1_H
#define FG_ELEMENTARY_EXP_BESIDE_EXPM1_H

#include "elementary/exp.h"

/* exp_raised of exp.h, by the tail of expm1. */
static inline real exp_raised_beside_expm1(real x, real *fall)
{
    const real shifted_k = exp_shifted_k(x);
    const real k = exp_k(shifted_k);
    const real head = exp_head_of(x, k);
    const real twice = R(2.0) + mul_add(R(2.0), head, exp_fine_twice_tail(head, k));
    const real_bits rise = x < PICK(-86.0f, -708.0) ? PICK(96, 192) : 0;
    *fall = x < PICK(-86.0f, -708.0) ? 1 / EXP_RISE : R(1.0);
    return twice * real_of_bits((bits_of(shifted_k) + rise) << REAL_MANTISSA_BITS);
}

static inline real exp_beside_expm1(real x)
{
    real fall;
    const real raised = exp_raised_beside_expm1(x, &fall);
    const real y = x < EXP_SMALLEST ? R(0.0) : raised * fall;
    return x > EXP_LARGEST ? REAL_INFINITY : y;
}

#endif
