/* f(u) = (u - 1)^2 / (1 + u) = (u - 1) tanh(log(u) / 2), u = e^log_u:
 * E_q f(p/q) = sum (p - q)^2 / (p + q), the triangular discrimination, in [0, 2].
 *
 * Source: Vincze (1981), Le Cam (1986).
 * Max error: 3 ULP (float and double); of the derivative 3 ULP.
 * l = -inf gives 1, inf gives inf.
 */
#ifndef FG_GAN_F_DIVERGENCE_TRIANGULAR_H
#define FG_GAN_F_DIVERGENCE_TRIANGULAR_H

#include "elementary/exp.h"
#include "elementary/expm1.h"
#include "elementary/sigmoid.h"
#include "elementary/tanh.h"

static inline real f_divergence_triangular(real log_u)
{
    return real_expm1(log_u) * real_tanh(R(0.5) * log_u);
}

/* u f'(u) = (u - 1) u (u + 3) / (1 + u)^2 = t (u + 2 sigmoid(log u)), t = tanh(log(u) / 2) */
static inline real f_divergence_triangular_grad(real log_u, real *d_log_u)
{
    const real t = real_tanh(R(0.5) * log_u);
    *d_log_u = t * mul_add(R(2.0), real_sigmoid(log_u), real_exp(log_u));
    return real_expm1(log_u) * t;
}

#endif
