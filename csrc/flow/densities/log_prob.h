/* log N(z; 0, 1) summed over a row, plus logabsdet of the row: log p(x) by change of variables.
 *
 * Each element of the row comes with the same log-determinant. The sum of these over n is the
 * log-determinant again. It is added to the sum of log N in double, and the result is rounded once.
 *
 * Source: Rezende and Mohamed, Variational inference with normalizing flows (2015), equation 5.
 * Max error (float and double): 1.5 ULP of each term, before the sum; of a row of one element 3 ULP
 * of the largest of z^2 / 2, log(2 pi) / 2 and logabsdet.
 */
#ifndef FG_FLOW_DENSITIES_LOG_PROB_H
#define FG_FLOW_DENSITIES_LOG_PROB_H

#include "vae/standard_normal_log_prob.h"

static inline void log_prob(real z, real logabsdet, real *base, real *change)
{
    *base = standard_normal_log_prob(z);
    *change = logabsdet;
}

static inline void log_prob_close(real n, real base, real changes, real *value)
{
    *value = base + (n > 0 ? changes / n : 0);
}

static inline void log_prob_vjp(real z, real logabsdet, real cotangent, real *d_z, real *base,
                                real *change, real *weight)
{
    log_prob(z, logabsdet, base, change);
    *d_z = -cotangent * z;
    *weight = cotangent;
}

static inline void log_prob_vjp_close(real n, real base, real changes, real weights, real *value,
                                      real *d_logabsdet)
{
    log_prob_close(n, base, changes, value);
    *d_logabsdet = n > 0 ? weights / n : 0;
}

#endif
