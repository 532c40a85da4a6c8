/* y = x for x >= 0, a x for x < 0; log|dy/dx| = 0 or log a. The inverse divides by a.
 *
 * Source: He et al., Delving deep into rectifiers (2015), equation 1.
 * Max error: 1 ULP (float and double), before the sum. NaN where x < 0 and a is not positive.
 */
#ifndef FG_FLOW_BIJECTORS_LEAKY_RELU_H
#define FG_FLOW_BIJECTORS_LEAKY_RELU_H

#include "elementary/log.h"
#include "flow/bijectors/bijector.h"

static inline void flow_leaky_relu_slopes(real x, real a, real *y, real *logabsdet, real *y_x,
                                          real *logabsdet_x, real *y_a, real *logabsdet_a)
{
    const real log_a = real_log(a);
    *y = x < 0 ? (a > 0 ? a : REAL_NAN) * x : x;
    *logabsdet = x < 0 ? log_a : x == x ? R(0.0) : x;
    *y_x = x < 0 ? a : R(1.0);
    *logabsdet_x = 0;
    *y_a = x < 0 ? x : R(0.0);
    *logabsdet_a = x < 0 ? 1 / a : R(0.0);
}

static inline void flow_leaky_relu_inverse_slopes(real y, real a, real *x, real *logabsdet,
                                                  real *x_y, real *logabsdet_y, real *x_a,
                                                  real *logabsdet_a)
{
    const real log_a = real_log(a);
    *x = y < 0 ? y / (a > 0 ? a : REAL_NAN) : y;
    *logabsdet = y < 0 ? -log_a : y == y ? R(0.0) : y;
    *x_y = y < 0 ? 1 / a : R(1.0);
    *logabsdet_y = 0;
    *x_a = y < 0 ? -*x / a : R(0.0);
    *logabsdet_a = y < 0 ? -1 / a : R(0.0);
}

FLOW_BIJECTOR_OF(flow_leaky_relu)
FLOW_BIJECTOR_OF(flow_leaky_relu_inverse)

#endif
