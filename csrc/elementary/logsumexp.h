/* logsumexp(x) = log sum_i e^{x_i} = m + log sum_i e^{x_i - m},   m = max_i x_i.
 *
 * Two stages: the largest element, then the sum. No term is over 1, and the largest is exactly 1.
 * x_i and m are compared first: a row with +inf gives +inf, a row of -inf alone gives -inf, NaN
 * gives NaN, and an empty row gives -inf. The rounding error of x_i - m is corrected. Without the
 * correction, a term would be wrong by |x_i - m| / 2 ULP. Terms too small for a normal number count
 * as 0. The derivative is softmax,
 * e^{x_i - m} / sum, which loses no digit if m is large.
 *
 * Max error: 2 ULP of a term; 2 ULP of the larger of |m| and 1 for the value; 3 ULP of the
 * derivative.
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
    *term = exp_term_below(x, m);
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
