/* log1p(x) = log(1 + x) = k ln 2 + log(1 + f), 1 + x = 2^k (1 + f), f in [-1/4, 1/2).
 *
 * The rounded 1 + x decides k alone. f = x 2^-k + (2^-k - 1) is computed from x and is exact; for k
 * = 0 it is x. (From x = 2^25 or 2^54 on, 2^-k - 1 is rounded, but its error is far below the last
 * bit.)
 *
 * Max error: 0.92 ULP float (all inputs), 0.90 ULP double (3e7 inputs); without FMA 0.93, 0.92.
 * log1p(-0) = -0, log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(inf) = inf, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_LOG1P_H
#define FG_ELEMENTARY_LOG1P_H

#include "elementary/log_parts.h"

/* log(base + q), where base is 1 and q >= -1, or base is 0 and q is normal. k and f are computed
 * from q, so the relative error stays small near base + q = 1 and near 0. If the sum is <= 0 or
 * inf, the result has no meaning. */
static inline real log_of_sum(real base, real q)
{
    /* The sum is divided by 4: (base + q) / 4 = 2^(k - 2) m. Then 4 2^-k is never subnormal. */
    real quarter = R(0.25) * q, quarter_base = R(0.25) * base;
    real sum = quarter + quarter_base;
    real_bits moved = log_moved_bits(sum);
    real_bits field = moved >> REAL_MANTISSA_BITS;
    real scale = real_of_bits((2 * REAL_EXPONENT_BIAS - field) << REAL_MANTISSA_BITS);
    real f = mul_add(quarter, scale, mul_add(quarter_base, scale, R(-1.0)));
    real y = log_sum(log_k(moved, R(2.0)), f);
    return sum == R(0.25) ? q - (R(1.0) - base) : y; /* q / 4 rounds a subnormal q */
}

static inline real real_log1p(real x)
{
    real y = log_of_sum(R(1.0), x);
    y = x < REAL_INFINITY ? y : x;
    y = x == R(-1.0) ? -REAL_INFINITY : y;
    return x < R(-1.0) ? REAL_NAN : y;
}

#endif
