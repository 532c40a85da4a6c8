/* ((x - mu) * inverse_sigma)^2, before the sum: the squared Mahalanobis distance of x from a normal
 * distribution. A density at x depends on x through this sum alone.
 *
 * The difference is scaled before it is squared, so that the square does not overflow.
 *
 * Source: Mahalanobis (1936), On the generalised distance in statistics; diagonal covariance.
 * Max error: 4 ULP (float and double), before the sum.
 */
#ifndef FG_VAE_SQUARED_MAHALANOBIS_H
#define FG_VAE_SQUARED_MAHALANOBIS_H

#include "vae/standardized.h"

static inline real squared_mahalanobis(real x, real mu, real inverse_sigma)
{
    const real scaled = standardized(x - mu, inverse_sigma);
    return scaled * scaled;
}

static inline real squared_mahalanobis_grad(real x, real mu, real inverse_sigma, real *d_x,
                                            real *d_mu, real *d_inverse_sigma)
{
    const real scaled = standardized(x - mu, inverse_sigma);
    *d_x = 2 * standardized(scaled, inverse_sigma);
    *d_mu = -*d_x;
    *d_inverse_sigma = 2 * standardized(x - mu, scaled);
    return scaled * scaled;
}

#endif
