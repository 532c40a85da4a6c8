/* w (sigma s + z)^2: the weighted squared error of the score s. The target is -z / sigma, the score
 * of the noise z.
 *
 * With sigma = -1 it is w (z - s)^2, the weighted squared error of any other prediction. So one row
 * serves both. sigma and w are given once per row.
 *
 * Source: Vincent, A Connection Between Score Matching and Denoising Autoencoders (2011); Song et
 * al., Score-Based Generative Modeling through SDEs (2021), eq. 7, with the weight sigma^2.
 * Max error: 4 ULP (float and double), before the sum over the row; of the derivatives 4 ULP. sigma
 * s + z is rounded once, so it may cancel. Without fused multiply-add the bound is 5 ULP, and holds
 * only if sigma s + z does not cancel.
 */
#ifndef FG_DIFFUSION_DENOISING_SCORE_MATCHING_H
#define FG_DIFFUSION_DENOISING_SCORE_MATCHING_H

#include "core/real.h"

static inline real denoising_score_matching(real score, real noise, real sigma, real weight)
{
    const real error = mul_add(sigma, score, noise);
    return weight * (error * error);
}

static inline real denoising_score_matching_grad(real score, real noise, real sigma, real weight,
                                                 real *d_score, real *d_noise, real *d_sigma,
                                                 real *d_weight)
{
    const real error = mul_add(sigma, score, noise);
    const real slope = R(2.0) * weight * error;
    *d_score = sigma * slope;
    *d_noise = slope;
    *d_sigma = score * slope;
    *d_weight = error * error;
    return weight * (error * error);
}

#endif
