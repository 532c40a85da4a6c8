/* Sign and log|det| of a diagonal: the parity of the number of negative elements, and log|det| as
 * in logabsdet_diagonal.h.
 *
 * A zero gives sign 0 and -inf; NaN gives NaN for both; an infinity gives +inf, with a zero NaN.
 *
 * Source: the determinant of a triangular matrix is the product of its diagonal.
 * Max error: as there, float 1 ULP, double 1.5 ULP of the sum; the sign is exact.
 */
#ifndef FG_FLOW_DETERMINANTS_SLOGDET_DIAGONAL_H
#define FG_FLOW_DETERMINANTS_SLOGDET_DIAGONAL_H

#include "flow/determinants/logabsdet_diagonal.h"

static inline void slogdet_diagonal(real x, real *negative, real *factor)
{
    *negative = x < 0 ? R(1.0) : R(0.0);
    logabsdet_diagonal(x, factor);
}

static inline void slogdet_diagonal_close(real n, real negatives, real logs, real *sign,
                                          real *logabsdet)
{
    const real half = R(0.5) * negatives, odd = half - (real)(int64_t)half;
    (void)n;
    *sign = logs == -REAL_INFINITY ? R(0.0) : logs != logs ? logs : 1 - 4 * odd;
    *logabsdet = logs;
}

static inline void slogdet_diagonal_vjp(real x, real d_sign, real d_logabsdet, real *d_x,
                                        real *negative, real *factor)
{
    (void)d_sign; /* the sign has gradient 0 */
    slogdet_diagonal(x, negative, factor);
    *d_x = d_logabsdet / x;
}

#endif
