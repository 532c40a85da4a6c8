/* f(u) = u log u - u + 1, u = e^log_u: E_q f(p/q) = KL(p || q).
 *
 * With l = log_u, u = 2^k (1 + head + tail) and l = k ln2_hi + head (exp_parts.h) this is
 *     (1 + 2^k (k ln2_hi - 1)) + 2^k (head l + tail (l - 1)).
 * For k = 0 the first bracket is 0, and the rest is 1/2 head^2 and terms of third order. For other
 * k its parts are exact or nearly so where they cancel, and head l is a product of exact numbers.
 * So one exponential is enough. The term 1 - u has the expectation 0, and makes f(u) >= 0.
 *
 * Source: Ali and Silvey (1966), Csiszar (1967); normalised so that f(1) = f'(1) = 0.
 * Max error: 3 ULP (float and double); of the derivative 3 ULP.
 * l = -inf gives 1, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_KL_H
#define FG_GAN_F_DIVERGENCE_KL_H

#include "elementary/exp_beside_expm1.h"

/* Below the first, f(u) rounds to 1. Above the second, it overflows. */
#define F_KL_SMALLEST PICK(-25.0f, -45.0)
#define F_KL_LARGEST PICK(86.0f, 704.5)

static inline real f_divergence_kl(real log_u)
{
    const real shifted_k = exp_shifted_k(log_u);
    const real k = exp_k(shifted_k);
    const real head = exp_head_of(log_u, k);
    const real t = exp_half_power(shifted_k);
    const real tail = exp_fine_twice_tail(head, k), square = head * head;
    const real third_order = square * (head * exp_series(head, square)); /* 2 tail - head^2 */
    const real small = mul_add(tail, log_u, k == 0 ? -third_order : -tail);
    const real half_bracket = mul_add(t, mul_add(k, LN2_HI, R(-1.0)), R(0.5));
    const real large = mul_add(t * head, k == 0 ? R(0.5) * head : log_u, half_bracket);
    const real half = mul_add(R(0.5) * t, small, large);
    const real y = log_u < F_KL_SMALLEST ? R(1.0) : half + half;
    return log_u > F_KL_LARGEST ? REAL_INFINITY : y;
}

/* u f'(u) = u log u. A subnormal u has few bits, so it is raised. */
static inline real f_divergence_kl_grad(real log_u, real *d_log_u)
{
    real fall;
    const real raised = exp_raised_beside_expm1(log_u, &fall);
    const real slope = raised * log_u * fall;
    const real y = log_u < PICK(-110.0f, -760.0) ? R(0.0) : slope;
    *d_log_u = log_u > EXP_LARGEST ? REAL_INFINITY : y;
    return f_divergence_kl(log_u);
}

#endif
