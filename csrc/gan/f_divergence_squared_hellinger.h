/* f(u) = 1/2 (sqrt(u) - 1)^2, u = e^log_u: E_q f(p/q) = 1/2 sum (sqrt p - sqrt q)^2, in [0, 1].
 *
 * Source: Hellinger (1909), as an f-divergence Csiszar (1967).
 * Max error: 2 ULP (float and double); of the derivative 2 ULP.
 * l = -inf gives 1/2, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_SQUARED_HELLINGER_H
#define FG_GAN_F_DIVERGENCE_SQUARED_HELLINGER_H

#include "elementary/exp_beside_expm1.h"
#include "elementary/expm1.h"

static inline real f_divergence_squared_hellinger(real log_u)
{
    const real t = real_expm1(R(0.5) * log_u);
    return R(0.5) * t * t;
}

/* u f'(u) = 1/2 (sqrt(u) - 1) sqrt(u) */
static inline real f_divergence_squared_hellinger_grad(real log_u, real *d_log_u)
{
    const real t = real_expm1(R(0.5) * log_u);
    *d_log_u = R(0.5) * t * exp_beside_expm1(R(0.5) * log_u);
    return R(0.5) * t * t;
}

#endif
