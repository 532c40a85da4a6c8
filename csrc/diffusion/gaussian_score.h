/* d/dx log N(x; mu, e^logvar) = (mu - x) e^-logvar.
 *
 * Max error: 2 ULP (float and double) given mu - x.
 * logvar = inf gives a score of 0, logvar = -inf an infinite one, unless x = mu.
 */
#ifndef FG_DIFFUSION_GAUSSIAN_SCORE_H
#define FG_DIFFUSION_GAUSSIAN_SCORE_H

#include "elementary/exp.h"

static inline real gaussian_score(real x, real mu, real logvar)
{
    return (mu - x) * real_exp(-logvar);
}

static inline real gaussian_score_grad(real x, real mu, real logvar, real *d_x, real *d_mu,
                                       real *d_logvar)
{
    const real precision = real_exp(-logvar);
    const real score = (mu - x) * precision;
    *d_x = -precision;
    *d_mu = precision;
    *d_logvar = -score;
    return score;
}

#endif
