/* x + h s + sqrt(2 h) z: a step of size h along the score s, with the noise z.
 *
 * h is given once per row.
 *
 * Source: Song and Ermon, Generative Modeling by Estimating Gradients of the Data Distribution
 * (2019), algorithm 1, where h is alpha / 2.
 * Max error: 3 ULP (float and double) of the largest of the three terms.
 * A negative h gives NaN.
 */
#ifndef FG_DIFFUSION_LANGEVIN_UPDATE_H
#define FG_DIFFUSION_LANGEVIN_UPDATE_H

#include "core/real.h"

static inline real langevin_update(real x, real score, real noise, real step)
{
    return mul_add(step, score, mul_add(real_sqrt(R(2.0) * step), noise, x));
}

static inline real langevin_update_grad(real x, real score, real noise, real step, real *d_x,
                                        real *d_score, real *d_noise, real *d_step)
{
    const real spread = real_sqrt(R(2.0) * step);
    *d_x = R(1.0);
    *d_score = step;
    *d_noise = spread;
    *d_step = score + noise / spread;
    return mul_add(step, score, mul_add(spread, noise, x));
}

#endif
