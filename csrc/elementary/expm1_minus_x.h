/* expm1_minus_x(x) = e^x - 1 - x */
#ifndef FG_EXPM1_MINUS_X_H
#define FG_EXPM1_MINUS_X_H

#include "elementary/exp_parts.h"

static inline real real_expm1_minus_x(real x)
{
    real shifted_k = exp_shifted_k(x);
    real k = exp_k(shifted_k);
    real head = exp_head_of(x, k);
    real t = exp_half_power(shifted_k);
    real t_minus_half = t - R(0.5);
    real a = mul_add(t_minus_half, head, mul_add(k, R(-0.5) * LN2_HI, t_minus_half));
    real y = mul_add(R(2.0), a, t * exp_twice_tail_exactly(head, k));
    y = x < PICK(-20.0f, -40.0) ? R(-1.0) - x : y;
    return x > PICK(89.0f, 710.0) ? REAL_INFINITY : y;
}

#endif
