/* scale_to_limit(x, m) = clip(x, -m, m) / m: x is clipped to [-m, m] and scaled to [-1, 1].
 *
 * Dynamic thresholding uses it. There, m is a quantile of |x| over a sample, and at least 1.
 *
 * Source: Saharia et al., "Photorealistic Text-to-Image Diffusion Models" (Imagen, 2022), 2.3.
 * Max error: 0.5 ULP. NaN gives NaN.
 */
#ifndef FG_GUIDANCE_SCALE_TO_LIMIT_H
#define FG_GUIDANCE_SCALE_TO_LIMIT_H

#include "core/real.h"

static inline real scale_to_limit(real x, real limit)
{
    return real_min(limit, real_max(-limit, x)) / limit;
}

static inline real scale_to_limit_grad(real x, real limit, real *d_x, real *d_limit)
{
    real inside = real_abs(x) <= limit ? R(1.0) : R(0.0);
    *d_x = inside / limit;
    *d_limit = -(inside * x / limit) / limit;
    return scale_to_limit(x, limit);
}

#endif
