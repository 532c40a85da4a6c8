/* log|x|, of one element of a diagonal: their sum is log|det| of the matrix, where it is
 * triangular.
 *
 * Source: the determinant of a triangular matrix is the product of its diagonal.
 * Max error: 1 ULP (float and double), before the sum over the diagonal.
 * A zero gives -inf, an infinity +inf, both of them in one row NaN; NaN gives NaN.
 */
#ifndef FG_FLOW_LOGABSDET_DIAGONAL_H
#define FG_FLOW_LOGABSDET_DIAGONAL_H

#include "elementary/log.h"

static inline real logabsdet_diagonal(real x)
{
    return real_log(real_abs(x));
}

static inline real logabsdet_diagonal_grad(real x, real *d_x)
{
    *d_x = 1 / x;
    return logabsdet_diagonal(x);
}

#endif
