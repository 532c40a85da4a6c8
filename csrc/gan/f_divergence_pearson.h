/* f(u) = (u - 1)^2, u = e^log_u: E_q f(p/q) = sum (p - q)^2 / q, Pearson's chi-squared.
 *
 * Source: Pearson (1900), as an f-divergence Ali and Silvey (1966).
 * Max error: 2 ULP (float and double); of the derivative 2 ULP.
 * l = -inf gives 1, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_PEARSON_H
#define FG_GAN_F_DIVERGENCE_PEARSON_H

#include "elementary/exp_beside_expm1.h"
#include "elementary/expm1.h"

static inline real f_divergence_pearson(real log_u)
{
    const real t = real_expm1(log_u);
    return t * t;
}

/* u f'(u) = 2 u (u - 1) */
static inline real f_divergence_pearson_grad(real log_u, real *d_log_u)
{
    const real t = real_expm1(log_u);
    *d_log_u = R(2.0) * t * exp_beside_expm1(log_u);
    return t * t;
}

#endif
