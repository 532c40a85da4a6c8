/* softplus(x) = log(1 + e^x) = max(x, 0) + log1p(e^-|x|)
 *
 * e^-|x| cannot overflow, and log1p keeps its digits if e^-|x| is small. So no threshold is needed
 * beyond which the result would be x or e^x. log1p is written out, because 1 + e needs k = 0 or 1
 * alone.
 *
 * Max error: 1.67 ULP float (all inputs), 1.64 ULP double (3e7 inputs).
 * softplus(-inf) = 0, softplus(inf) = inf, NaN gives NaN; a result may be subnormal.
 */
#ifndef FG_ELEMENTARY_SOFTPLUS_H
#define FG_ELEMENTARY_SOFTPLUS_H

#include "elementary/exp.h"
#include "elementary/log_parts.h"

/* above + log1p(e^-|x|), for above >= 0 */
static inline real softplus_above(real above, real x)
{
    real e = exp_within_limits(-real_abs(x));
    /* 1 + e = 2^k (1 + f), f in [-1/4, 1/2], exact */
    real f = e > R(0.5) ? mul_add(R(0.5), e, R(-0.5)) : e;
    real k = e > R(0.5) ? R(1.0) : R(0.0);
    real y = mul_add(k, LN2_HI, (above + f) + log_tail_plus(k * LN2_LO, f));
    return -real_abs(x) < EXP_SMALLEST ? above : y;
}

static inline real real_softplus(real x)
{
    return softplus_above(real_max(R(0.0), x), x);
}

#endif
