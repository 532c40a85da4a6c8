/* y = log(1 + e^x), log|dy/dx| = -log(1 + e^-x).
 * The inverse is x = y + log(1 - e^-y), log|dx/dy| = -log(1 - e^-y).
 *
 * For y < log 2, log(1 - e^-y) is computed as log(-expm1(-y)), for other y as log1p(-e^-y). Neither
 * cancels.
 *
 * Source: Maechler (2012), Accurately computing log(1 - exp(-|a|)).
 * Max error: 2 ULP of y and log|dy/dx|, 4 ULP of the inverse's larger term (float and double),
 * before the sum. y = 0 gives x = -inf, y < 0 NaN.
 */
#ifndef FG_FLOW_BIJECTORS_SOFTPLUS_H
#define FG_FLOW_BIJECTORS_SOFTPLUS_H

#include "elementary/derivatives.h"
#include "flow/bijectors/bijector.h"

static inline void flow_softplus_slopes(real x, real *y, real *logabsdet, real *y_x,
                                        real *logabsdet_x)
{
    *y = real_softplus(x);
    *logabsdet = -real_softplus(-x);
    *y_x = real_sigmoid(x);
    *logabsdet_x = real_sigmoid(-x);
}

static inline void flow_softplus_inverse_slopes(real y, real *x, real *logabsdet, real *x_y,
                                                real *logabsdet_y)
{
    const real gap = -real_expm1(-y); /* 1 - e^-y */
    const real near = real_log(gap), far = real_log1p(-real_exp(-y));
    const real log_gap = y < R(0.6931472) ? near : far;
    *x = y + log_gap;
    *logabsdet = -log_gap;
    *x_y = 1 / gap;
    *logabsdet_y = -1 / real_expm1(y);
}

FLOW_BIJECTOR(flow_softplus)
FLOW_BIJECTOR(flow_softplus_inverse)

#endif
