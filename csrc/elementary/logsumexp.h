/* logsumexp(x) = log sum_i e^{x_i} = m + log sum_i e^{x_i - m},   m = max_i x_i.
 *
 * In two stages: the largest element, then the sum, in which no term is over 1 and the largest is
 * exactly 1. Equal elements are compared, not subtracted, so that infinities need no care: a row
 * with +inf gives +inf, a row of -inf gives -inf, NaN gives NaN, and a row of nothing gives -inf.
 * What x_i - m lost in rounding is given back, or the terms would be wrong by |x_i - m| / 2 ULP.
 * The derivative is softmax, e^{x_i - m} / sum: no digit of a large m is lost in it.
 *
 * Max error: of a term 2 ULP; of the value 2 ULP of the larger of |m| and 1; of the derivative 3
 * ULP.
 */
#ifndef FG_ELEMENTARY_LOGSUMEXP_H
#define FG_ELEMENTARY_LOGSUMEXP_H

#include "elementary/exp_below.h"
#include "elementary/log.h"

static inline void logsumexp_max(real x, real *term)
{
    *term = x;
}

static inline void logsumexp_max_close(real n, real largest, real *m)
{
    (void)n;
    *m = largest;
}

static inline void logsumexp_sum(real x, real m, real *term)
{
    *term = exp_below(x, m);
}

static inline void logsumexp_sum_close(real n, real sum, real *value, real *m, real *reciprocal)
{
    (void)n;
    *m = *value;
    *reciprocal = R(1.0) / sum;
    *value = *m + real_log(sum);
}

static inline void logsumexp_vjp(real x, real cotangent, real value, real m, real reciprocal,
                                 real *dx)
{
    (void)value;
    *dx = cotangent * (exp_below(x, m) * reciprocal);
}

#endif
