/* log N(z; 0, 1) = -1/2 (z^2 + log 2 pi), of one dimension.
 *
 * Both terms have the same sign, so nothing cancels.
 *
 * Source: the density of the normal distribution.
 * Max error: 1.5 ULP (float and double), before the sum over dimensions.
 * z = -inf or +inf gives -inf; NaN gives NaN.
 */
#ifndef FG_VAE_STANDARD_NORMAL_LOG_PROB_H
#define FG_VAE_STANDARD_NORMAL_LOG_PROB_H

#include "vae/log_2_pi.h"

static inline real standard_normal_log_prob(real z)
{
    return R(-0.5) * mul_add(z, z, LOG_2_PI);
}

static inline real standard_normal_log_prob_grad(real z, real *d_z)
{
    *d_z = -z;
    return standard_normal_log_prob(z);
}

#endif
