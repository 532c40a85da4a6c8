/* mu + e^(logvar / 2) noise: a sample of N(mu, e^logvar) as a function of standard normal noise.
 *
 * The second function also gives the log-density of the sample, -1/2 (log 2 pi + logvar + noise^2),
 * of one dimension. The noise is the standardised sample, so no difference and no quotient is
 * needed.
 *
 * Source: Kingma and Welling (2014), sections 2.4 and C.
 * Max error: 3 ULP of the largest term (float and double), for either; of the derivatives 3 and 4
 * ULP. logvar = -inf gives mu, and a density of +inf.
 */
#ifndef FG_VAE_SAMPLE_DIAG_NORMAL_H
#define FG_VAE_SAMPLE_DIAG_NORMAL_H

#include "elementary/exp.h"
#include "vae/log_2_pi.h"

static inline real sample_diag_normal(real mu, real logvar, real noise)
{
    return mul_add(real_exp(R(0.5) * logvar), noise, mu);
}

static inline real sample_diag_normal_grad(real mu, real logvar, real noise, real *d_mu,
                                           real *d_logvar, real *d_noise)
{
    const real sigma = real_exp(R(0.5) * logvar);
    *d_mu = 1;
    *d_logvar = R(0.5) * sigma * noise;
    *d_noise = sigma;
    return mul_add(sigma, noise, mu);
}

static inline void sample_diag_normal_with_log_prob(real mu, real logvar, real noise, real *z,
                                                    real *log_prob)
{
    *z = sample_diag_normal(mu, logvar, noise);
    *log_prob = R(-0.5) * mul_add(noise, noise, logvar + LOG_2_PI);
}

static inline void sample_diag_normal_with_log_prob_vjp(real mu, real logvar, real noise, real c_z,
                                                        real c_log_prob, real *z, real *log_prob,
                                                        real *d_mu, real *d_logvar, real *d_noise)
{
    const real spread = c_z * real_exp(R(0.5) * logvar);
    sample_diag_normal_with_log_prob(mu, logvar, noise, z, log_prob);
    *d_mu = c_z;
    *d_logvar = R(0.5) * mul_add(spread, noise, -c_log_prob);
    *d_noise = mul_add(-c_log_prob, noise, spread);
}

#endif
