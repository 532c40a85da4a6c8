/* softplus(x) = log(1 + e^x) = max(x, 0) + log1p(e^-|x|) */
#ifndef FG_SOFTPLUS_H
#define FG_SOFTPLUS_H

#include "elementary/exp.h"
#include "elementary/log_parts.h"

static inline real real_softplus(real x)
{
    real e = exp_within_limits(-real_abs(x));
    /* 1 + e = 2^k (1 + f), f in [-1/4, 1/2], exact */
    real f = e > R(0.5) ? mul_add(R(0.5), e, R(-0.5)) : e;
    real k = e > R(0.5) ? R(1.0) : R(0.0);
    real above = real_max(R(0.0), x);
    real y = mul_add(k, LN2_HI, (above + f) + mul_add(k, LN2_LO, log_tail(f)));
    return -real_abs(x) < EXP_SMALLEST ? above : y;
}

#endif
