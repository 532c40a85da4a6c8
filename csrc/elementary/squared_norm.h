/* sum x^2, the square of the Euclidean norm. The formula is x^2; the row sums it.
 *
 * Max error: 0.5 ULP (float and double), before the sum. In float, numbers above 1e19 overflow, and
 * numbers below 1e-19 lose digits.
 */
#ifndef FG_ELEMENTARY_SQUARED_NORM_H
#define FG_ELEMENTARY_SQUARED_NORM_H

#include "core/real.h"

static inline real squared_norm(real x)
{
    return x * x;
}

static inline real squared_norm_grad(real x, real *d_x)
{
    *d_x = 2 * x;
    return x * x;
}

#endif
