/* The derivative of kl_categorical, in one more stage.
 *     d/da_i = -q_i (d_i + KL),   d/db_i = p_i - q_i
 *
 * If p and q are near each other, p - q is computed as q (e^d - 1). A class of probability q = 0
 * has gradient 0 with respect to a.
 *
 * Max error: 8 ULP of the larger of q |d| and q KL, and of p - q (float and double).
 */
#ifndef FG_VAE_KL_CATEGORICAL_VJP_H
#define FG_VAE_KL_CATEGORICAL_VJP_H

#include "vae/kl_categorical.h"

/* The first three stages are those of the value. They do not need the cotangent. */
/* The value goes to the first place of the state, which held A. A moves to the last place. */
static inline void kl_categorical_vjp_close(real n, real total, real *value, real *peak_b,
                                            real *log_ratio, real *log_ratio_lo, real *inverse_q,
                                            real *inverse_p, real *peak_a)
{
    (void)n, (void)peak_b, (void)log_ratio, (void)log_ratio_lo, (void)inverse_q, (void)inverse_p;
    *peak_a = *value;
    *value = total;
}

static inline void kl_categorical_vjp(real a, real b, real cotangent, real value, real peak_b,
                                      real log_ratio, real log_ratio_lo, real inverse_q,
                                      real inverse_p, real peak_a, real *d_a, real *d_b)
{
    real q, p, d;
    kl_categorical_term(a, b, peak_a, peak_b, log_ratio, log_ratio_lo, inverse_q, inverse_p, &q, &p,
                        &d);
    const real slope = real_abs(d) < 2 ? q * real_expm1(d) : p - q;
    *d_a = q == 0 ? R(0.0) : -cotangent * q * (d + value);
    *d_b = cotangent * slope;
}

#endif
