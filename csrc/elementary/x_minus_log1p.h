/* x_minus_log1p(x) = x - log(1 + x) = (x - k ln2_hi - f) + f^2/2 - s (f^2/2 + ...) - k ln2_lo
 *
 * 1 + x = 2^k (1 + f) as in log1p, and log(1 + f) = f - f^2/2 + s (...) as in log_parts.h. For k =
 * 0, f is x and the bracket is 0, so the result is the series x^2/2 - x^3/3 + ... For k = 1 or -1
 * the bracket is exact, and its sum with f^2/2 keeps its rounding error.
 *
 * Max error: 1.60 ULP float (one input in 7), 1.51 ULP double; without FMA 2.37, 2.00.
 * Never negative; exactly 0 at 0 and -0; inf at -1 and inf; NaN below -1, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_X_MINUS_LOG1P_H
#define FG_ELEMENTARY_X_MINUS_LOG1P_H

#include "core/difference.h"
#include "elementary/log_parts.h"

/* Returns y - 1 - log(y) for y = base + q, where base is 1, or base is 0 and q is not subnormal. k
 * and f are computed from q, so the relative error stays small near y = 1 and near y = 0. Also
 * gives log(y) as log_head, which is exact, and log_rest; and 1/y within 2 percent, for corrections
 * by the derivative 1 - 1/y. If y <= 0, the results have no meaning. */
static inline real log_excess(real q, real base, real *log_head, real *log_rest, real *inverse_y)
{
    const real quarter = R(0.25) * q, quarter_base = R(0.25) * base;
    const real sum4 = quarter + quarter_base; /* y / 4: see log1p */
    /* 1 + f is in [3/4, 3/2); for y < 1 it is in [11/16, 11/8), because the terms cancel at f =
     * 1/2. */
    const real_bits shift = (real_bits)(sum4 < R(0.25) ? 5 : 4) << (REAL_MANTISSA_BITS - 3);
    const real_bits moved = bits_of(sum4) + shift;
    const real_bits field = moved >> REAL_MANTISSA_BITS;
    const real scale = real_of_bits((2 * REAL_EXPONENT_BIAS - field) << REAL_MANTISSA_BITS);
    const real reduced = mul_add(quarter, scale, mul_add(quarter_base, scale, R(-1.0)));
    const real k = log_k(moved, R(2.0));
    const real x = q + (base - R(1.0));
    const real f = sum4 == R(0.25) ? x : reduced; /* q / 4 rounds a subnormal q */

    const real bracket = mul_add(k, -LN2_HI, x) - f;
    const real half_square = R(0.5) * f * f;
    const real sum = bracket + half_square;
    const real sum_lo = difference_error(bracket, -half_square, sum);
    const real square_lo = mul_add(R(0.5) * f, f, -half_square); /* without FMA, 0 */
    const real s = f / (R(2.0) + f);
    const real arm = log_arm(half_square, s);
    *log_head = k * LN2_HI;
    *log_rest = f + (mul_add(s, arm, k * LN2_LO) - half_square);
    /* 1/y = 2^-k (1 - s) / (1 + s) */
    *inverse_y = R(0.25) * scale * mul_add(s, mul_add(R(2.0), s, R(-2.0)), R(1.0));
    return sum + mul_add(-s, arm, mul_add(k, -LN2_LO, square_lo + sum_lo));
}

static inline real real_x_minus_log1p(real x)
{
    real head, rest, inverse;
    real y = log_excess(x, R(1.0), &head, &rest, &inverse);
    y = x < REAL_INFINITY ? y : x;
    y = x == R(-1.0) ? REAL_INFINITY : y;
    return x < R(-1.0) ? REAL_NAN : y;
}

#endif
