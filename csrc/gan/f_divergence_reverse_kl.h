/* f(u) = -log u + u - 1, u = e^log_u: E_q f(p/q) = KL(q || p).
 *
 * u - 1 has the expectation 0. With it, f(u) is e^l - 1 - l >= 0, l = log u, one function that does
 * not cancel.
 *
 * Source: Ali and Silvey (1966), Csiszar (1967); normalised so that f(1) = f'(1) = 0.
 * Max error: 2 ULP (float and double); of the derivative 2 ULP.
 * l = -inf and inf give inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_REVERSE_KL_H
#define FG_GAN_F_DIVERGENCE_REVERSE_KL_H

#include "elementary/expm1_given.h"
#include "elementary/expm1_minus_x.h"

static inline real f_divergence_reverse_kl(real log_u)
{
    return real_expm1_minus_x(log_u);
}

/* u f'(u) = u - 1 */
static inline real f_divergence_reverse_kl_grad(real log_u, real *d_log_u)
{
    const real y = real_expm1_minus_x(log_u);
    const real expm1 = real_expm1_given(log_u, y);
    *d_log_u = log_u > EXP_LARGEST ? REAL_INFINITY : expm1;
    return y;
}

#endif
