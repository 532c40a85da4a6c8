/* y = tanh x, log|dy/dx| = log(1 - y^2) = -2 log cosh x.
 * The inverse is x = atanh y, log|dx/dy| = -log(1 - y^2).
 *
 * With w = e^|x| - 1, cosh x - 1 = w^2 / (2 (1 + w)), and log cosh x is its log1p. This keeps all
 * digits near 0, where 2 (log 2 - |x| - log1p(e^-2|x|)) cancels, and in the tails, where y rounds
 * to 1. The inverse is log1p(2 |y| / (1 - |y|)) / 2. For large y^2, log(1 - y^2) is log((1 - |y|)
 * (1 + |y|)).
 *
 * Source: the identity cosh x - 1 = 2 sinh(x / 2)^2.
 * Max error: 2 ULP of y and atanh, 5 ULP of log|dy/dx| (float and double), before the sum.
 * atanh(+-1) = +-inf; |y| > 1 gives NaN.
 */
#ifndef FG_FLOW_BIJECTORS_TANH_H
#define FG_FLOW_BIJECTORS_TANH_H

#include "elementary/derivatives.h"
#include "flow/bijectors/bijector.h"

#define LOG_4 PICK(0x1.62e430p+0f, 0x1.62e42fefa39efp+0)

static inline void flow_tanh_slopes(real x, real *y, real *logabsdet, real *y_x, real *logabsdet_x)
{
    const real far = real_abs(x), w = real_expm1(far);
    const real near = R(-2.0) * real_log1p(w * w / mul_add(R(2.0), w, R(2.0)));
    *y = real_tanh(x);
    *logabsdet = far > R(20.0) ? LOG_4 - 2 * far : near;
    *y_x = 4 * logistic_density(2 * x);
    *logabsdet_x = -2 * *y;
}

static inline void flow_tanh_inverse_slopes(real y, real *x, real *logabsdet, real *x_y,
                                            real *logabsdet_y)
{
    const real a = real_abs(y), flatness = (1 - a) * (1 + a);
    *x = real_copysign(R(0.5) * real_log1p(2 * a / (1 - a)), y);
    const real near = real_log1p(-a * a), far = real_log(flatness);
    *logabsdet = a < R(0.7) ? -near : -far;
    *x_y = 1 / flatness;
    *logabsdet_y = 2 * y / flatness;
}

FLOW_BIJECTOR(flow_tanh)
FLOW_BIJECTOR(flow_tanh_inverse)

#endif
