/* f(u) = u log u - u + 1, u = e^log_u: E_q f(p/q) = KL(p || q).
 *
 * It is u (e^-l - 1 + l), l = log u, of two factors that are >= 0; from l = -1 down, where the
 * second grows beyond bounds, 1 - u (1 - l) loses nothing. 1 - u has the expectation 0, and makes
 * each term >= 0.
 *
 * Source: Ali and Silvey (1966), Csiszar (1967); normalised so that f(1) = f'(1) = 0.
 * Max error: 3 ULP (float and double), of the derivative 3.
 * l = -inf gives 1, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_KL_H
#define FG_GAN_F_DIVERGENCE_KL_H

#include "elementary/exp.h"
#include "elementary/expm1_minus_x.h"

static inline real f_divergence_kl(real log_u)
{
    const real u = real_exp(log_u);
    const real near = u * real_expm1_minus_x(-log_u);
    const real below = mul_add(-u, 1 - log_u, R(1.0));
    const real y = log_u < R(-1.0) ? below : near;
    return log_u < EXP_SMALLEST ? R(1.0) : y;
}

/* u f'(u) = u log u */
static inline real f_divergence_kl_grad(real log_u, real *d_log_u)
{
    const real root_of_u = real_exp(R(0.5) * log_u); /* a tiny u is short of bits */
    *d_log_u = root_of_u == 0 ? 0 : root_of_u * log_u * root_of_u;
    return f_divergence_kl(log_u);
}

#endif
