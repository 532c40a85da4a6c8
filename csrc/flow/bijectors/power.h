/* y = sign(x) |x|^p, log|dy/dx| = log|p| + (p - 1) log|x|. The inverse has 1/p in place of p.
 *
 * |x|^p is e^(p log|x|), which multiplies the rounding error of its exponent. For p = 1 and p = 2
 * it is |x| and x^2, and in the inverse |x| and the square root, without that error.
 *
 * Source: zuko's SignedPowerTransform; PyTorch's PowerTransform, where x > 0.
 * Max error, before the sum: 3 ULP times 1 + |p log|x|| of y, for p = 1 or 2 only 0.5; 3 ULP of the
 * larger term of log|dy/dx|.
 */
#ifndef FG_FLOW_BIJECTORS_POWER_H
#define FG_FLOW_BIJECTORS_POWER_H

#include "elementary/exp.h"
#include "elementary/log.h"
#include "flow/bijectors/bijector.h"

static inline void flow_power_slopes(real x, real p, real *y, real *logabsdet, real *y_x,
                                     real *logabsdet_x, real *y_p, real *logabsdet_p)
{
    const real size = real_abs(x), log_x = real_log(size), log_p = real_log(real_abs(p));
    const real bend = p == 1 ? R(0.0) : (p - 1) * log_x; /* log_x may be infinite */
    const real raised = real_exp(p * log_x), slope = p * real_exp(bend);
    *y = real_copysign(p == 1 ? size : p == 2 ? size * size : raised, x);
    *logabsdet = log_p + bend;
    *y_x = p == 2 ? 2 * size : slope;
    *logabsdet_x = (p - 1) / x;
    *y_p = *y == 0 ? R(0.0) : *y * log_x;
    *logabsdet_p = 1 / p + log_x;
}

static inline void flow_power_inverse_slopes(real y, real p, real *x, real *logabsdet, real *x_y,
                                             real *logabsdet_y, real *x_p, real *logabsdet_p)
{
    const real size = real_abs(y), log_y = real_log(size), log_p = real_log(real_abs(p));
    const real root = log_y / p, bend = p == 1 ? R(0.0) : (1 - p) * root;
    const real lowered = real_exp(root), square_root = real_sqrt(size);
    const real slope = real_exp(bend) / p;
    *x = real_copysign(p == 1 ? size : p == 2 ? square_root : lowered, y);
    *logabsdet = bend - log_p;
    *x_y = p == 2 ? R(0.5) / square_root : slope;
    *logabsdet_y = (1 - p) / (p * y);
    *x_p = *x == 0 ? R(0.0) : -*x * root / p;
    *logabsdet_p = -(1 + root) / p;
}

FLOW_BIJECTOR_OF(flow_power)
FLOW_BIJECTOR_OF(flow_power_inverse)

#endif
