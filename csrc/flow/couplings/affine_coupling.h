/* y = x s + shift, log|dy/dx| = log s, with s > 0, of one element of a row.
 *
 * The inverse is x = (y - shift) / s, log|dx/dy| = -log s. Elements with mask > 1/2 do not change,
 * and have log|dy/dx| = 0. scale_maps.h computes s from the output of a network.
 *
 * With cotangents c of y and d of log|dy/dx|, the gradient of x is c s, of shift c, and of log s c
 * x s + d. For the inverse, that of y is c / s, of shift -c / s, and of log s -(c x + d).
 *
 * Source: Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP (2017), equations 4 to
 * 8.
 * Max error: 1 ULP of the larger of |x s| and |shift|; for the inverse, of the larger of |y / s|
 * and |shift / s|. The error of s comes on top, see scale_maps.h; for exp, both are
 * within 3 ULP.
 */
#ifndef FG_FLOW_COUPLINGS_AFFINE_COUPLING_H
#define FG_FLOW_COUPLINGS_AFFINE_COUPLING_H

#include "flow/couplings/coupling_mask.h"
#include "flow/couplings/scale_maps.h"

static inline void coupled(real x, real shift, real mask, flow_scale s, real *y, real *logabsdet)
{
    *y = real_select_by(kept(mask), x, mul_add(x, s.scale, shift));
    *logabsdet = real_select_by(kept(mask), R(0.0), s.log_scale);
}

static inline void coupled_inverse(real y, real shift, real mask, flow_scale s, real *x,
                                   real *logabsdet)
{
    *x = real_select_by(kept(mask), y, (y - shift) / s.scale);
    *logabsdet = real_select_by(kept(mask), R(0.0), -s.log_scale);
}

/* Writes the gradients of x and shift, and returns the gradient of log s. */
static inline real coupled_gradients(real x, real y, flow_scale s, real d_y, real d_logabsdet,
                                     real *d_x, real *d_shift)
{
    (void)y;
    *d_x = d_y * s.scale;
    *d_shift = d_y;
    return mul_add(*d_x, x, d_logabsdet);
}

static inline real coupled_inverse_gradients(real y, real x, flow_scale s, real d_x,
                                             real d_logabsdet, real *d_y, real *d_shift)
{
    (void)y;
    *d_y = d_x / s.scale;
    *d_shift = -*d_y;
    return -mul_add(d_x, x, d_logabsdet);
}

/* The operation and its vector-Jacobian product, for one scale map and one direction. */
#define FLOW_COUPLING(name, map, way)                                                              \
    static inline void name##_##map(real x, real u, real shift, real mask, real *y, real *ld)      \
    {                                                                                              \
        way(x, shift, mask, scale_##map(u), y, ld);                                                \
    }                                                                                              \
    static inline void name##_##map##_vjp(real x, real u, real shift, real mask, real d_y,         \
                                          real d_ld, real *y, real *ld, real *d_x, real *d_u,      \
                                          real *d_shift, real *d_mask)                             \
    {                                                                                              \
        const flow_scale s = scale_##map(u);                                                       \
        way(x, shift, mask, s, y, ld);                                                             \
        const real d_log_scale = way##_gradients(x, *y, s, d_y, d_ld, d_x, d_shift);               \
        *d_x = real_select_by(kept(mask), d_y, *d_x);                                              \
        *d_u = real_select_by(kept(mask), R(0.0), d_log_scale * s.slope);                          \
        *d_shift = real_select_by(kept(mask), R(0.0), *d_shift);                                   \
        *d_mask = 0;                                                                               \
    }

/* The same for a scale map with a limit. */
#define FLOW_LIMITED_COUPLING(name, map, way)                                                      \
    static inline void name##_##map(real x, real u, real shift, real mask, real limit, real *y,    \
                                    real *ld)                                                      \
    {                                                                                              \
        way(x, shift, mask, scale_##map(u, limit), y, ld);                                         \
    }                                                                                              \
    static inline void name##_##map##_vjp(real x, real u, real shift, real mask, real limit,       \
                                          real d_y, real d_ld, real *y, real *ld, real *d_x,       \
                                          real *d_u, real *d_shift, real *d_mask, real *d_limit)   \
    {                                                                                              \
        const flow_scale s = scale_##map(u, limit);                                                \
        way(x, shift, mask, s, y, ld);                                                             \
        const real d_log_scale = way##_gradients(x, *y, s, d_y, d_ld, d_x, d_shift);               \
        *d_x = real_select_by(kept(mask), d_y, *d_x);                                              \
        *d_u = real_select_by(kept(mask), R(0.0), d_log_scale * s.slope);                          \
        *d_shift = real_select_by(kept(mask), R(0.0), *d_shift);                                   \
        *d_mask = 0;                                                                               \
        *d_limit = real_select_by(kept(mask), R(0.0), d_log_scale * s.limit_slope);                \
    }

FLOW_COUPLING(affine_coupling, exp, coupled)
FLOW_COUPLING(affine_coupling, sigmoid, coupled)
FLOW_LIMITED_COUPLING(affine_coupling, softplus, coupled)
FLOW_LIMITED_COUPLING(affine_coupling, tanh, coupled)
FLOW_LIMITED_COUPLING(affine_coupling, soft_clip, coupled)
FLOW_COUPLING(affine_coupling_inverse, exp, coupled_inverse)
FLOW_COUPLING(affine_coupling_inverse, sigmoid, coupled_inverse)
FLOW_LIMITED_COUPLING(affine_coupling_inverse, softplus, coupled_inverse)
FLOW_LIMITED_COUPLING(affine_coupling_inverse, tanh, coupled_inverse)
FLOW_LIMITED_COUPLING(affine_coupling_inverse, soft_clip, coupled_inverse)

#endif
