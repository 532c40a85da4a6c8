/* sigmoid(x) = 1 / (1 + e^-x) */
#ifndef FG_SIGMOID_H
#define FG_SIGMOID_H

#include "elementary/exp.h"

static inline real real_sigmoid(real x)
{
    real e = exp_within_limits(-real_abs(x));
    real below = R(1.0) + e;
    real below_lo = e - (below - R(1.0));
    real above = x > R(0.0) ? R(1.0) : e;
    real y = above / below;
    y = mul_add(-y, below_lo, y);
    y = x < EXP_SMALLEST ? R(0.0) : y;
    return x > -EXP_SMALLEST ? R(1.0) : y;
}

#endif
