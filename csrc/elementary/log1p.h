/* log1p(x) = log(1 + x) = k ln 2 + log(1 + f), 1 + x = 2^k (1 + f), f in [-1/4, 1/2).
 *
 * The rounded 1 + x only decides k; f = x 2^-k + (2^-k - 1) comes from x itself and is exact, for
 * k = 0 it is x. (From 2^25 or 2^54 on, where 2^-k - 1 rounds, this is far below the last bit.)
 *
 * Max error: 0.92 ULP float (all inputs), 0.90 ULP double (3e7 inputs); without FMA 0.93, 0.92.
 * log1p(-0) = -0, log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(inf) = inf, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_LOG1P_H
#define FG_ELEMENTARY_LOG1P_H

#include "elementary/log_parts.h"

/* log(base + q), where base is 1 and q >= -1, or 0 and q is normal: then k and f come from q, so
 * that the sum is as exact as q, near 1 and near 0. Meaningless where the sum is <= 0 or inf. */
static inline real log_of_sum(real base, real q)
{
    /* (base + q) / 4 = 2^(k - 2) m: in quarters, 4 2^-k never is subnormal. */
    real quarter = R(0.25) * q, quarter_base = R(0.25) * base;
    real sum = quarter + quarter_base;
    real_bits moved = log_moved_bits(sum);
    real_bits field = moved >> REAL_MANTISSA_BITS;
    real scale = real_of_bits((2 * REAL_EXPONENT_BIAS - field) << REAL_MANTISSA_BITS);
    real f = mul_add(quarter, scale, mul_add(quarter_base, scale, R(-1.0)));
    real y = log_sum(log_k(moved, R(2.0)), f);
    return sum == R(0.25) ? q - (R(1.0) - base) : y; /* the subnormals a quarter would lose */
}

static inline real real_log1p(real x)
{
    real y = log_of_sum(R(1.0), x);
    y = x < REAL_INFINITY ? y : x;
    y = x == R(-1.0) ? -REAL_INFINITY : y;
    return x < R(-1.0) ? REAL_NAN : y;
}

#endif
