/* a x + b y, with a and b given once per row.
 *
 * Noising, velocity targets, conversions between predictions, posterior means and preconditioned
 * denoisers are this formula. The schedule gives different coefficients for each.
 *
 * Max error: 2 ULP (float and double) of the larger of |a x| and |b y|; of the derivatives 1 ULP,
 * before the sums over the row.
 * A coefficient of 0 times an infinity is NaN.
 */
#ifndef FG_DIFFUSION_LINEAR_COMBINATION_H
#define FG_DIFFUSION_LINEAR_COMBINATION_H

#include "core/real.h"

static inline real linear_combination(real x, real y, real a, real b)
{
    return mul_add(a, x, b * y);
}

static inline real linear_combination_grad(real x, real y, real a, real b, real *d_x, real *d_y,
                                           real *d_a, real *d_b)
{
    *d_x = a;
    *d_y = b;
    *d_a = x;
    *d_b = y;
    return linear_combination(x, y, a, b);
}

#endif
