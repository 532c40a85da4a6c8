/* a x + b y + s z, and da x + db y + ds z: a point on a noisy path between two arrays, and its
 * velocity.
 *
 * a, b and s are functions of time, da, db and ds their derivatives; all are given once per row. z
 * is noise. If it is a stream, its elements are made in the tile.
 *
 * Source: Tong et al., Improving and Generalizing Flow-Based Generative Models with Minibatch
 * Optimal Transport (2024).
 * Max error: 3 ULP (float and double) of the largest of the three terms, of each result.
 * A coefficient of 0 times an infinity is NaN.
 */
#ifndef FG_DIFFUSION_BRIDGE_POINT_H
#define FG_DIFFUSION_BRIDGE_POINT_H

#include "diffusion/linear_combination.h"

static inline void bridge_point(real x, real y, real z, real a, real b, real s, real da, real db,
                                real ds, real *point, real *velocity)
{
    *point = mul_add(s, z, linear_combination(x, y, a, b));
    *velocity = mul_add(ds, z, linear_combination(x, y, da, db));
}

static inline void bridge_point_vjp(real x, real y, real z, real a, real b, real s, real da,
                                    real db, real ds, real c_point, real c_velocity, real *point,
                                    real *velocity, real *d_x, real *d_y, real *d_z, real *d_a,
                                    real *d_b, real *d_s, real *d_da, real *d_db, real *d_ds)
{
    bridge_point(x, y, z, a, b, s, da, db, ds, point, velocity);
    *d_x = linear_combination(c_point, c_velocity, a, da);
    *d_y = linear_combination(c_point, c_velocity, b, db);
    *d_z = linear_combination(c_point, c_velocity, s, ds);
    *d_a = x * c_point;
    *d_b = y * c_point;
    *d_s = z * c_point;
    *d_da = x * c_velocity;
    *d_db = y * c_velocity;
    *d_ds = z * c_velocity;
}

#endif
