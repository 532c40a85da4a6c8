/* Operations from an elementwise bijector and its slopes.
 *
 * FLOW_BIJECTOR(f) makes f and f_vjp of f_slopes(x, &y, &logabsdet, &y_x, &logabsdet_x). f_slopes
 * also gives the derivatives of y and logabsdet with respect to x. FLOW_BIJECTOR_OF(f) does the
 * same for an f_slopes with a parameter, which also gives the derivatives with respect to the
 * parameter. The compiler removes derivatives that the value does not need.
 */
#ifndef FG_FLOW_BIJECTORS_BIJECTOR_H
#define FG_FLOW_BIJECTORS_BIJECTOR_H

#include "core/real.h"

#define FLOW_BIJECTOR(f)                                                                           \
    static inline void f(real x, real *y, real *logabsdet)                                         \
    {                                                                                              \
        real y_x, logabsdet_x;                                                                     \
        f##_slopes(x, y, logabsdet, &y_x, &logabsdet_x);                                           \
    }                                                                                              \
    static inline void f##_vjp(real x, real d_y, real d_logabsdet, real *y, real *logabsdet,       \
                               real *d_x)                                                          \
    {                                                                                              \
        real y_x, logabsdet_x;                                                                     \
        f##_slopes(x, y, logabsdet, &y_x, &logabsdet_x);                                           \
        *d_x = mul_add(d_y, y_x, d_logabsdet * logabsdet_x);                                       \
    }

#define FLOW_BIJECTOR_OF(f)                                                                        \
    static inline void f(real x, real p, real *y, real *logabsdet)                                 \
    {                                                                                              \
        real y_x, logabsdet_x, y_p, logabsdet_p;                                                   \
        f##_slopes(x, p, y, logabsdet, &y_x, &logabsdet_x, &y_p, &logabsdet_p);                    \
    }                                                                                              \
    static inline void f##_vjp(real x, real p, real d_y, real d_logabsdet, real *y,                \
                               real *logabsdet, real *d_x, real *d_p)                              \
    {                                                                                              \
        real y_x, logabsdet_x, y_p, logabsdet_p;                                                   \
        f##_slopes(x, p, y, logabsdet, &y_x, &logabsdet_x, &y_p, &logabsdet_p);                    \
        *d_x = mul_add(d_y, y_x, d_logabsdet * logabsdet_x);                                       \
        *d_p = mul_add(d_y, y_p, d_logabsdet * logabsdet_p);                                       \
    }

#endif
