/* x_t = alpha x0 + sigma z, and the noise z. If z is a stream, its elements are made in the tile.
 *
 * Max error: 2 ULP (float and double) of the larger of the two terms, as in linear_combination.h; z
 * is exact.
 */
#ifndef FG_DIFFUSION_NOISED_H
#define FG_DIFFUSION_NOISED_H

#include "diffusion/linear_combination.h"

static inline void noised(real x0, real noise, real alpha, real sigma, real *x_t, real *noise_used)
{
    *x_t = linear_combination(x0, noise, alpha, sigma);
    *noise_used = noise;
}

static inline void noised_vjp(real x0, real noise, real alpha, real sigma, real c_x_t, real c_noise,
                              real *x_t, real *noise_used, real *d_x0, real *d_noise, real *d_alpha,
                              real *d_sigma)
{
    noised(x0, noise, alpha, sigma, x_t, noise_used);
    *d_x0 = alpha * c_x_t;
    *d_noise = mul_add(sigma, c_x_t, c_noise);
    *d_alpha = x0 * c_x_t;
    *d_sigma = noise * c_x_t;
}

#endif
