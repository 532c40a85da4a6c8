/* y = log(p / (1 - p)), p = a + c x, c = 1 - 2a; log|dy/dx| = log c - log p - log(1 - p).
 *
 * 1 - p is computed from 1 - x as p is from x, so that both ends are equally exact. Near p = 1/2
 * the two logarithms cancel; there y = log1p(c |2x - 1| / min(p, 1 - p)) with the sign of x - 1/2.
 * The inverse is x = (sigmoid(y) - a) / c, log|dx/dy| = -|y| - 2 log1p(e^-|y|) - log c. The
 * bijector sigmoid is this inverse for a = 0.
 *
 * Source: Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP (2017), section 4.1.
 * Max error, before the sum: 4 ULP of y, and of the largest term of log|dy/dx|; of the inverse,
 * 4 ULP of the larger of sigmoid(y) / c and a / c. p = 0 or 1 gives an infinite y, other p outside
 * (0, 1) give NaN.
 */
#ifndef FG_FLOW_BIJECTORS_LOGIT_H
#define FG_FLOW_BIJECTORS_LOGIT_H

#include "elementary/derivatives.h"
#include "flow/bijectors/bijector.h"

/* log(p / q) for q = 1 - p, and log p + log q. */
static inline real log_odds(real p, real q, real difference, real *log_product)
{
    const real less = real_min(p, q), more = real_max(p, q);
    const real log_less = real_log(less), log_more = real_log(more);
    const real near = real_log1p(difference / less), far = log_more - log_less;
    *log_product = log_more + log_less;
    return less > R(0.25) ? near : far;
}

/* log|sigmoid'(x)| */
static inline real log_logistic_density(real x)
{
    return R(-2.0) * softplus_above(R(0.5) * real_abs(x), x);
}

static inline void flow_logit_slopes(real x, real a, real *y, real *logabsdet, real *y_x,
                                     real *logabsdet_x, real *y_a, real *logabsdet_a)
{
    const real c = mul_add(R(-2.0), a, R(1.0)), p = mul_add(c, x, a), q = mul_add(c, 1 - x, a);
    const real middle = x + x - R(1.0);
    real log_product;
    const real odds = log_odds(p, q, c * real_abs(middle), &log_product);
    *y = real_copysign(odds, middle);
    *logabsdet = real_log(c) - log_product;
    const real inverse = 1 / (p * q);
    *y_x = c * inverse;
    *logabsdet_x = c * *y_x * middle;
    *y_a = -middle * inverse;
    *logabsdet_a = -mul_add(*y_x * middle, middle, 2 / c);
}

static inline void flow_logit_inverse_slopes(real y, real a, real *x, real *logabsdet, real *x_y,
                                             real *logabsdet_y, real *x_a, real *logabsdet_a)
{
    const real c = mul_add(R(-2.0), a, R(1.0)), middle = real_tanh(R(0.5) * y);
    *x = (real_sigmoid(y) - a) / c;
    *logabsdet = log_logistic_density(y) - real_log(c);
    *x_y = logistic_density(y) / c;
    *logabsdet_y = -middle;
    *x_a = middle / (c * c);
    *logabsdet_a = 2 / c;
}

FLOW_BIJECTOR_OF(flow_logit)
FLOW_BIJECTOR_OF(flow_logit_inverse)

#endif
