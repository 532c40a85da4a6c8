/* log|det| of a diagonal: sum_i log|x_i|, computed from the product as in core/log_product.h.
 *
 * Source: the determinant of a triangular matrix is the product of its diagonal.
 * Max error: for up to 1024 elements, float 1 ULP, double 1.5 ULP of the sum (or of 2^-42). For
 * longer rows, the same of the sum over blocks of 1024 of |log of their product|. No logarithm of
 * an element is rounded. A zero gives -inf, an infinity +inf, both in one row NaN; NaN gives NaN.
 */
#ifndef FG_FLOW_DETERMINANTS_LOGABSDET_DIAGONAL_H
#define FG_FLOW_DETERMINANTS_LOGABSDET_DIAGONAL_H

#include "elementary/log.h"

static inline void logabsdet_diagonal(real x, real *factor)
{
    *factor = real_abs(x);
}

/* For a row of one element, the logarithm itself. */
static inline real logabsdet_element(real x)
{
    return real_log(real_abs(x));
}

static inline real logabsdet_element_grad(real x, real *d_x)
{
    *d_x = 1 / x;
    return logabsdet_element(x);
}

static inline void logabsdet_diagonal_close(real n, real logs, real *logabsdet)
{
    (void)n;
    *logabsdet = logs;
}

static inline void logabsdet_diagonal_vjp(real x, real d_logabsdet, real *d_x, real *factor)
{
    *d_x = d_logabsdet * (1 / x);
    logabsdet_diagonal(x, factor);
}

#endif
