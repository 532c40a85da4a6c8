/* a x + b y, and da x + db y: a point on a path between two arrays, and its velocity.
 *
 * a and b are functions of time, da and db their derivatives; all are given once per row. One pass
 * over memory gives both. For flow matching, x is the data and y the noise.
 *
 * Source: Lipman et al., Flow Matching for Generative Modeling (2023), equations 10 and 11.
 * Max error: 2 ULP (float and double) of the larger of the two terms, of each result.
 * A coefficient of 0 times an infinity is NaN.
 */
#ifndef FG_DIFFUSION_PATH_POINT_H
#define FG_DIFFUSION_PATH_POINT_H

#include "diffusion/linear_combination.h"

static inline void path_point(real x, real y, real a, real b, real da, real db, real *point,
                              real *velocity)
{
    *point = linear_combination(x, y, a, b);
    *velocity = linear_combination(x, y, da, db);
}

static inline void path_point_vjp(real x, real y, real a, real b, real da, real db, real c_point,
                                  real c_velocity, real *point, real *velocity, real *d_x,
                                  real *d_y, real *d_a, real *d_b, real *d_da, real *d_db)
{
    path_point(x, y, a, b, da, db, point, velocity);
    *d_x = linear_combination(c_point, c_velocity, a, da);
    *d_y = linear_combination(c_point, c_velocity, b, db);
    *d_a = x * c_point;
    *d_b = y * c_point;
    *d_da = x * c_velocity;
    *d_db = y * c_velocity;
}

#endif
