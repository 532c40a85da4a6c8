/* log sum_j e^{w_j - ((z - mu_j) s_j)^2 / 2}: the log-density at z of a mixture of normals. The
 * caller gives what depends on the component alone: s_j = 1 / sigma_j, and w_j, the logarithm of
 * weight_j / (sqrt(2 pi) sigma_j).
 *
 * Two stages, as in mixture_log_prob. If the same components meet many z, computing s_j and w_j
 * again for each z would take most of the time of mixture_log_prob.
 *
 * Source: Chen, Li, Grosse and Duvenaud (2018), Isolating Sources of Disentanglement, section 4.1.
 * Max error: 4 ULP of the largest of the terms of the nearest component (float and double).
 */
#ifndef FG_VAE_SCALED_MIXTURE_LOG_PROB_H
#define FG_VAE_SCALED_MIXTURE_LOG_PROB_H

#include "elementary/logsumexp.h"
#include "vae/standardized.h"

static inline real scaled_log_prob(real z, real mu, real inverse_sigma, real log_weight)
{
    const real scaled = standardized(z - mu, inverse_sigma);
    const real log_prob = mul_add(R(-0.5) * scaled, scaled, log_weight);
    /* If sigma is 0, the weight is infinite too. The square is larger, so the result is -inf. */
    return real_abs(scaled) == REAL_INFINITY ? -REAL_INFINITY : log_prob;
}

/* e^(x - peak); 1 where x equals the peak, also an infinite one. The rounding error of x - peak is
 * smaller than that of x, so it is not corrected. */
static inline real share_of_peak(real x, real peak)
{
    return x == peak ? R(1.0) : real_exp(x - peak);
}

static inline void scaled_mixture_log_prob_peak(real z, real mu, real inverse_sigma,
                                                real log_weight, real *term)
{
    *term = scaled_log_prob(z, mu, inverse_sigma, log_weight);
}

static inline void scaled_mixture_log_prob_sum(real z, real mu, real inverse_sigma, real log_weight,
                                               real peak, real *term)
{
    *term = share_of_peak(scaled_log_prob(z, mu, inverse_sigma, log_weight), peak);
}

/* The last stage of the gradient. It gives the gradients of the components, and a term per
 * component for the gradient of z. */
static inline void scaled_mixture_log_prob_vjp(real z, real mu, real inverse_sigma, real log_weight,
                                               real cotangent, real value, real peak, real inverse,
                                               real *d_mu, real *d_inverse_sigma,
                                               real *d_log_weight, real *d_z)
{
    (void)value;
    const real log_prob = scaled_log_prob(z, mu, inverse_sigma, log_weight);
    const real scaled = standardized(z - mu, inverse_sigma);
    *d_log_weight = cotangent * (share_of_peak(log_prob, peak) * inverse);
    *d_mu = standardized(*d_log_weight, standardized(scaled, inverse_sigma));
    *d_inverse_sigma = -standardized(*d_log_weight, standardized(z - mu, scaled));
    *d_z = -*d_mu;
}

#endif
