/* f(u) = (u - 1) log u, u = e^log_u: E_q f(p/q) = KL(p || q) + KL(q || p).
 *
 * Source: Jeffreys (1946).
 * Max error: 2 ULP (float and double); of the derivative 2 ULP.
 * l = -inf and inf give inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_JEFFREYS_H
#define FG_GAN_F_DIVERGENCE_JEFFREYS_H

#include "elementary/exp_beside_expm1.h"
#include "elementary/expm1.h"

static inline real f_divergence_jeffreys(real log_u)
{
    return log_u * real_expm1(log_u);
}

/* u f'(u) = u log u + (u - 1). Both terms have the same sign. */
static inline real f_divergence_jeffreys_grad(real log_u, real *d_log_u)
{
    const real u = exp_beside_expm1(log_u), t = real_expm1(log_u);
    *d_log_u = u == 0 ? t : mul_add(u, log_u, t);
    return log_u * t;
}

#endif
