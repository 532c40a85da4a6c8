/* tanh(x) = -d / (2 + d), d = e^(-2|x|) - 1, with the sign of x
 *
 * d is computed as in expm1, without cancellation near 0 and without overflow. The quotient would
 * double the rounding errors of d and 2 + d, so both are corrected at the end.
 *
 * Max error: 1.42 ULP float (all inputs), 1.42 ULP double (4e7 inputs).
 * tanh(-0) = -0, tanh(+-inf) = +-1, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_TANH_H
#define FG_ELEMENTARY_TANH_H

#include "elementary/exp_parts.h"

/* d / (2 + d), and d + d_lo = e^a - 1, for EXP_TINY <= a <= 0. */
static inline real tanh_parts(real a, real *d, real *d_lo)
{
    real shifted_k = exp_shifted_k(a);
    real k = exp_k(shifted_k);
    real head = exp_head_of(a, k);
    real half_t = exp_half_power(shifted_k);
    real t = half_t + half_t;
    real sum = mul_add(t, head, t - R(1.0));
    real rest = mul_add(t, head, (t - R(1.0)) - sum); /* exact: see expm1 */
    rest = mul_add(half_t, exp_twice_tail(head, k), rest);
    *d = sum + rest;
    *d_lo = (sum - *d) + rest;
    real below = R(2.0) + *d;
    real below_lo = (*d - (below - R(2.0))) + *d_lo;
    real y = *d / below; /* so 1/below = (1 - y)/2, without a second division */
    return mul_add(mul_add(-y, below_lo, *d_lo), mul_add(R(-0.5), y, R(0.5)), y);
}

static inline real real_tanh(real x)
{
    real a = R(-2.0) * real_abs(x), d, d_lo;
    real y = tanh_parts(a, &d, &d_lo);
    y = a < EXP_TINY ? R(1.0) : y;
    return real_copysign(y, x);
}

#endif
