/* f(u) = 1/2 (u log u - (1 + u) log((1 + u) / 2)), u = e^log_u: E_q f(p/q) = JS(p, q).
 *
 * f(u) = u f(1/u), so f(u) is g or u g, with g = f(e) and e = e^-|log u|, which cannot overflow.
 * One exponential gives e, and d = (1 - e) / (1 + e) as in tanh. With w = log((1 + e) / 2),
 *
 *     g = (1 - e) d (1/4 + d^2/24 + ...),   for d < 1/2, by the series of js_parts.h
 *     g = -1/2 (e (|log u| + w) + w),       elsewhere.
 *
 * u g is g / e, which overflows only where it is infinite: a subnormal e is raised.
 *
 * Source: Lin (1991). f(1) = f'(1) = 0, so no term is added.
 * Max error: 5 ULP (float and double); of the derivative 4 ULP.
 * log_u = -inf gives log(2) / 2, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_JENSEN_SHANNON_H
#define FG_GAN_F_DIVERGENCE_JENSEN_SHANNON_H

#include "elementary/exp.h"
#include "elementary/log_parts.h"
#include "elementary/tanh.h"
#include "gan/js_parts.h"

#define F_JENSEN_SHANNON_NEAR R(1.09375) /* d < 1/2 below log 3 */

/* Returns g. e is raised * fall, see exp.h. Where a = |log u| is below EXP_SMALLEST, it is 0, and
 * raised has no meaning. */
static inline real f_jensen_shannon_parts(real a, real *raised, real *fall, real *w)
{
    real expm1, lost;
    const real d = -tanh_parts(-a, &expm1, &lost);
    *raised = exp_raised(-a, fall);
    const real e = a > -EXP_SMALLEST ? R(0.0) : *raised * *fall;
    /* (1 + e) / 2 is 1 - (1 - e) / 2, or half of 1 + e: what is added to 1 is not rounded. */
    const real k = a < R(0.6875) ? R(0.0) : R(-1.0);
    *w = log_sum(k, a < R(0.6875) ? R(0.5) * expm1 : e);
    const real square = d * mul_add(R(-0.5), expm1, R(-0.5) * lost);
    const real near = square * js_series(d * d);
    const real far = R(-0.5) * (e == 0 ? *w : mul_add(e, a + *w, *w));
    return a < F_JENSEN_SHANNON_NEAR ? near : far;
}

/* y / (raised * fall) */
static inline real f_jensen_shannon_times_u(real y, real a, real raised, real fall)
{
    const real quotient = y / raised * (fall < 1 ? EXP_RISE : R(1.0));
    return a > -EXP_SMALLEST ? REAL_INFINITY : quotient;
}

static inline real f_divergence_jensen_shannon(real log_u)
{
    real raised, fall, w;
    const real a = real_abs(log_u), g = f_jensen_shannon_parts(a, &raised, &fall, &w);
    const real above = f_jensen_shannon_times_u(g, a, raised, fall);
    return log_u > 0 ? above : g;
}

/* u f'(u) = 1/2 u log(2u / (1 + u)) = -1/2 u w for u > 1, -1/2 e (|log u| + w) elsewhere */
static inline real f_divergence_jensen_shannon_grad(real log_u, real *d_log_u)
{
    real raised, fall, w;
    const real a = real_abs(log_u), g = f_jensen_shannon_parts(a, &raised, &fall, &w);
    const real above = f_jensen_shannon_times_u(g, a, raised, fall);
    const real slope_above = f_jensen_shannon_times_u(R(-0.5) * w, a, raised, fall);
    const real below = R(-0.5) * raised * (a + w) * fall;
    const real slope_below = a > PICK(110.0f, 760.0) ? R(0.0) : below;
    *d_log_u = log_u > 0 ? slope_above : slope_below;
    return log_u > 0 ? above : g;
}

#endif
