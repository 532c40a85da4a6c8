/* softplus(u) = max(u, 0) + log(1 + e^-|u|) in double for float arrays too, and its derivative.
 *
 * As in softplus.h, with the series of log_parts.h. The exponential is exp2_of_share, which ends at
 * SHARE_LOWEST, so this is for sums with larger numbers. It serves float arrays: if heights were
 * rounded to float, the knots above them could move by a whole bin of the inverse of a sharp
 * spline.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_SOFTPLUS_H
#define FG_FLOW_SPLINES_SPLINE_SOFTPLUS_H

#include "flow/splines/spline_share.h"

/* log(1 + f), for 1 + f in [3/4, 3/2]; Q of log_parts.h for double. */
static inline wide_real wide_log1p_near(wide_real f)
{
    const wide_real s = f / (2 + f), z = s * s;
    wide_real q = wide_mul_add(z, 0x1.1b7ebcc96be65p-3, 0x1.0dcbfb4dadeb1p-3);
    q = wide_mul_add(z, q, 0x1.3b35bb33a33d5p-3);
    q = wide_mul_add(z, q, 0x1.745c4b02c8c83p-3);
    q = wide_mul_add(z, q, 0x1.c71c748f33331p-3);
    q = wide_mul_add(z, q, 0x1.24924921e4c29p-2);
    q = wide_mul_add(z, q, 0x1.999999999c175p-2);
    q = wide_mul_add(z, q, 0x1.555555555554fp-1);
    return s * wide_mul_add(z, q, 2.0);
}

static inline wide_real wide_softplus(wide_real u, wide_real *by_u)
{
    const wide_real below = u < 0 ? u : -u, lowest = SHARE_LOWEST;
    const wide_real e = exp2_of_share(LOG2_E * (lowest > below ? lowest : below));
    const int large = e > 0.5;
    const wide_real f = large ? wide_mul_add(0.5, e, -0.5) : e;
    const wide_real log = wide_log1p_near(f) + (large ? 0x1.62e42fefa39efp-1 : 0.0); /* ln 2 */
    *by_u = (u < 0 ? e : 1.0) / (1 + e);
    return (u > 0 ? u : 0.0) + log;
}

#endif
