/* log of the mean of N(z; mu_j, e^logvar_j) over the n components of a row: the log-density at z of
 * their mixture with equal weights.
 *
 * Two stages: the largest log-density, then the sum of the densities relative to it. So nothing
 * underflows if z is far from every component. The gradient weights each component by its share of
 * the sum.
 *
 * Source: Chen, Li, Grosse and Duvenaud (2018), Isolating Sources of Disentanglement, section 4.1.
 * Max error: 4 ULP of the largest of the terms of the nearest component (float and double).
 */
#ifndef FG_VAE_MIXTURE_LOG_PROB_H
#define FG_VAE_MIXTURE_LOG_PROB_H

#include "elementary/logsumexp.h"
#include "vae/gaussian_nll.h"

static inline void mixture_log_prob_peak(real z, real mu, real logvar, real *term)
{
    *term = -gaussian_nll(z, mu, logvar);
}

static inline void mixture_log_prob_sum(real z, real mu, real logvar, real peak, real *term)
{
    *term = exp_term_below(-gaussian_nll(z, mu, logvar), peak);
}

static inline void mixture_log_prob_close(real n, real sum, real *value, real *peak, real *inverse)
{
    logsumexp_sum_close(n, sum / n, value, peak, inverse);
    *inverse = 1 / sum;
}

/* The last stage of the gradient. It gives the gradients of mu and logvar, and a term per component
 * for the gradient of z. */
static inline void mixture_log_prob_vjp(real z, real mu, real logvar, real cotangent, real value,
                                        real peak, real inverse, real *d_mu, real *d_logvar,
                                        real *d_z)
{
    real slope_z, slope_mu, slope_logvar;
    (void)value;
    const real log_prob = -gaussian_nll_grad(z, mu, logvar, &slope_z, &slope_mu, &slope_logvar);
    const real weight = -cotangent * (exp_below(log_prob, peak) * inverse);
    *d_mu = standardized(weight, slope_mu);
    *d_logvar = standardized(weight, slope_logvar);
    *d_z = -*d_mu;
}

/* The gradient of z overwrites the peak in the state. */
static inline void mixture_log_prob_vjp_close(real n, real total, real *value, real *d_z)
{
    (void)n, (void)value;
    *d_z = total;
}

#endif
