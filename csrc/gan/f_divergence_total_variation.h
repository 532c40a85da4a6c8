/* f(u) = 1/2 |u - 1|, u = e^log_u: E_q f(p/q) = TV(p, q), the largest difference of probabilities.
 *
 * With t = e^(l/2) - 1, l = log u, this is |t| (1 + t/2). Nothing cancels, and nothing overflows
 * unless the result does.
 *
 * Source: Ali and Silvey (1966).
 * Max error: 3 ULP (float and double); of the derivative 3 ULP.
 * The derivative is 0 at l = 0. l = -inf gives 1/2, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_TOTAL_VARIATION_H
#define FG_GAN_F_DIVERGENCE_TOTAL_VARIATION_H

#include "elementary/exp_beside_expm1.h"
#include "elementary/expm1.h"

static inline real f_divergence_total_variation(real log_u)
{
    const real t = real_expm1(R(0.5) * log_u);
    return real_abs(t) * mul_add(R(0.5), t, R(1.0));
}

/* u f'(u) = 1/2 u sign(log u) */
static inline real f_divergence_total_variation_grad(real log_u, real *d_log_u)
{
    const real root_of_u = exp_beside_expm1(R(0.5) * log_u);
    const real slope = R(0.5) * root_of_u * root_of_u;
    *d_log_u = log_u == 0 ? R(0.0) : real_copysign(slope, log_u);
    return f_divergence_total_variation(log_u);
}

#endif
