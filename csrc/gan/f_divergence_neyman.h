/* f(u) = (u - 1)^2 / u, u = e^log_u: E_q f(p/q) = sum (p - q)^2 / p, Neyman's chi-squared.
 *
 * f(u) = f(1/u), so f(u) = (e^a - 1) (1 - e^-a) with a = |log u|, two factors >= 0.
 *
 * Source: Neyman (1949), as an f-divergence Ali and Silvey (1966).
 * Max error: 2 ULP (float and double); of the derivative 2 ULP.
 * l = -inf and inf give inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_NEYMAN_H
#define FG_GAN_F_DIVERGENCE_NEYMAN_H

#include "elementary/expm1.h"

static inline real f_divergence_neyman(real log_u)
{
    const real a = real_abs(log_u);
    return real_expm1(a) * -real_expm1(-a);
}

/* u f'(u) = u - 1/u = (u - 1) - (1/u - 1) */
static inline real f_divergence_neyman_grad(real log_u, real *d_log_u)
{
    const real a = real_abs(log_u);
    const real above = real_expm1(a), below = real_expm1(-a);
    *d_log_u = real_copysign(above - below, log_u);
    return above * -below;
}

#endif
