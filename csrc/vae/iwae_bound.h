/* log((e^w_1 + ... + e^w_n) / n), the importance-weighted bound of log-weights w.
 *
 * Let c be the largest log-weight. The result is c + log of the mean of e^(w - c). If that mean is
 * near 1, the result is c + log1p of the mean of e^(w - c) - 1, which does not cancel. If all
 * log-weights are equal, the result is exactly c. The gradient is each weight's share of the sum.
 * A short cut sums e^(w - c) alone. If the mean is well below 1, as usual, nothing more is needed.
 *
 * Source: Burda, Grosse and Salakhutdinov (2016), Importance Weighted Autoencoders, equation 8.
 * Max error: 3 ULP of the larger of |c| and the logarithm (float and double).
 * A row of -inf alone gives -inf, a row with +inf gives +inf; NaN gives NaN.
 */
#ifndef FG_VAE_IWAE_BOUND_H
#define FG_VAE_IWAE_BOUND_H

#include "elementary/expm1.h"
#include "elementary/log1p.h"
#include "elementary/logsumexp.h"

/* e^(w - c), and e^(w - c) - 1. */
static inline void iwae_bound_sums(real w, real c, real *term, real *less)
{
    const real base = real_abs(c) < REAL_INFINITY ? c : R(0.0), d = w - base;
    *term = exp_term_below(w, c);
    *less = corrected(real_expm1(d), difference_error(w, base, d), *term);
}

/* The short cut: if the mean is well below 1/2, its logarithm does not cancel. */
static inline void iwae_bound_short_cut_close(real n, real sum, real *value, real *c, real *inverse)
{
    logsumexp_sum_close(n, sum, value, c, inverse);
    *value = sum < R(0.4375) * n ? *c + real_log(sum / n) : REAL_NAN;
}

static inline void iwae_bound_close(real n, real sum, real less, real *value, real *c,
                                    real *inverse)
{
    logsumexp_sum_close(n, sum, value, c, inverse);
    const real log_mean = less > R(-0.5) * n ? real_log1p(less / n) : real_log(sum / n);
    *value = *c + log_mean;
}

#endif
