/* classifier_mean(m, v, g, s) = m + s v g,   classifier_epsilon(e, g, sigma, s) = e - s sigma g.
 *
 * g is the gradient of a classifier's log-probability with respect to the noisy sample. v is the
 * variance of the reverse step. sigma = sqrt(1 - alpha_bar) is the noise level of the prediction e.
 *
 * Source: Dhariwal and Nichol, "Diffusion Models Beat GANs on Image Synthesis" (2021), 4.2.
 * Max error: 2 ULP of the sum of the terms' magnitudes. NaN gives NaN.
 */
#ifndef FG_GUIDANCE_CLASSIFIER_H
#define FG_GUIDANCE_CLASSIFIER_H

#include "core/real.h"

static inline real classifier_mean(real mean, real variance, real gradient, real scale)
{
    return mul_add(scale * variance, gradient, mean);
}

static inline real classifier_mean_grad(real mean, real variance, real gradient, real scale,
                                        real *d_mean, real *d_variance, real *d_gradient,
                                        real *d_scale)
{
    *d_mean = R(1.0);
    *d_variance = scale * gradient;
    *d_gradient = scale * variance;
    *d_scale = variance * gradient;
    return classifier_mean(mean, variance, gradient, scale);
}

static inline real classifier_epsilon(real epsilon, real gradient, real sigma, real scale)
{
    return mul_add(-(scale * sigma), gradient, epsilon);
}

static inline real classifier_epsilon_grad(real epsilon, real gradient, real sigma, real scale,
                                           real *d_epsilon, real *d_gradient, real *d_sigma,
                                           real *d_scale)
{
    *d_epsilon = R(1.0);
    *d_gradient = -(scale * sigma);
    *d_sigma = -(scale * gradient);
    *d_scale = -(sigma * gradient);
    return classifier_epsilon(epsilon, gradient, sigma, scale);
}

#endif
