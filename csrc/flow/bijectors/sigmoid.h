/* y = 1 / (1 + e^-x), log|dy/dx| = -|x| - 2 log1p(e^-|x|). The inverse is in logit.h.
 *
 * The log-determinant keeps its digits in both tails, where y (1 - y) would lose them.
 *
 * Source: the logistic distribution; numerics as in logit.h.
 * Max error: 2 ULP (float and double), before the sum; of the inverse, 4 ULP.
 */
#ifndef FG_FLOW_BIJECTORS_SIGMOID_H
#define FG_FLOW_BIJECTORS_SIGMOID_H

#include "flow/bijectors/logit.h"

static inline void flow_sigmoid_slopes(real x, real *y, real *logabsdet, real *y_x,
                                       real *logabsdet_x)
{
    *y = real_sigmoid(x);
    *logabsdet = log_logistic_density(x);
    *y_x = logistic_density(x);
    *logabsdet_x = -real_tanh(R(0.5) * x);
}

static inline void flow_sigmoid_inverse_slopes(real y, real *x, real *logabsdet, real *x_y,
                                               real *logabsdet_y)
{
    real x_a, logabsdet_a;
    flow_logit_slopes(y, R(0.0), x, logabsdet, x_y, logabsdet_y, &x_a, &logabsdet_a);
}

FLOW_BIJECTOR(flow_sigmoid)
FLOW_BIJECTOR(flow_sigmoid_inverse)

#endif
