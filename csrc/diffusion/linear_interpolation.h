/* x_t = (1 - t) x0 + t x1, and its velocity dx_t/dt = x1 - x0.
 *
 * Computed as t x1 + (x0 - t x0). This is exactly x0 at t = 0 and x1 at t = 1, and does not round 1
 * - t.
 *
 * Source: Lipman et al., Flow Matching for Generative Modeling (2023); Liu et al., Rectified Flow
 * (2023).
 * Max error: 3 ULP (float and double) of the larger of |x0| and |x1|, for t from 0 to 1; of the
 * velocity, 0.5 ULP.
 */
#ifndef FG_DIFFUSION_LINEAR_INTERPOLATION_H
#define FG_DIFFUSION_LINEAR_INTERPOLATION_H

#include "core/real.h"

static inline void linear_interpolation(real x0, real x1, real t, real *x_t, real *velocity)
{
    *x_t = mul_add(t, x1, mul_add(-t, x0, x0));
    *velocity = x1 - x0;
}

static inline void linear_interpolation_vjp(real x0, real x1, real t, real c_x_t, real c_velocity,
                                            real *x_t, real *velocity, real *d_x0, real *d_x1,
                                            real *d_t)
{
    linear_interpolation(x0, x1, t, x_t, velocity);
    *d_x0 = mul_add(-t, c_x_t, c_x_t) - c_velocity;
    *d_x1 = mul_add(t, c_x_t, c_velocity);
    *d_t = c_x_t * *velocity;
}

#endif
