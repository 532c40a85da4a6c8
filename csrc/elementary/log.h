/* log(x) = k ln 2 + log(m), x = 2^k m, m in [3/4, 3/2).
 *
 * Near 1, k = 0 and log(m) is a series in m - 1, which is exact. Elsewhere k ln2_hi is exact, and
 * the smaller terms are added first.
 *
 * Max error: 0.92 ULP float (all inputs), 0.90 ULP double (3e7 inputs); without FMA 0.93, 0.90.
 * log(0) = -inf, log(x < 0) = NaN, log(inf) = inf, NaN gives NaN. The bound holds for subnormal x.
 */
#ifndef FG_ELEMENTARY_LOG_H
#define FG_ELEMENTARY_LOG_H

#include "elementary/log_parts.h"

static inline real real_log(real x)
{
    /* A subnormal x is scaled to a normal number. */
    real smallest = PICK(0x1p-126f, 0x1p-1022);
    real normal = x < smallest ? x * PICK(0x1p23f, 0x1p52) : x;
    real raised = x < smallest ? -(real)REAL_MANTISSA_BITS : R(0.0);
    real_bits moved = log_moved_bits(normal);
    real_bits mantissa = moved & (((real_bits)1 << REAL_MANTISSA_BITS) - 1);
    real m = real_of_bits(mantissa + bits_of(R(0.75)));
    real y = log_sum(log_k(moved, raised), m - R(1.0));
    y = x < REAL_INFINITY ? y : x;
    y = x == R(0.0) ? -REAL_INFINITY : y;
    return x < R(0.0) ? REAL_NAN : y;
}

#endif
