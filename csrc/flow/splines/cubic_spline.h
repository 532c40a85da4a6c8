/* A monotonic cubic spline y(x) of K bins, and log dy/dx; or its inverse.
 *
 * In a bin of width w, height h, slope s = h / w, and slopes p s, q s at its ends, p, q <= 3, with
 * theta = (x - x0) / w and om = (x1 - x) / w, each from its own knot:
 *     low = theta (p om^2 + theta ((3 - q) om + theta)),  y = y0 + h low
 *     high = om (q theta^2 + om ((3 - p) theta + om)),    y = y1 - h high
 *     dy/dx = s (p om^2 + 2 (3 - p - q) theta om + q theta^2)
 * In this Bernstein form, y is a sum of terms >= 0. One term of dy/dx may be negative. But for K >=
 * 2 bins p <= 2 or q <= 2, and it is at most 0.82 of the other terms. So nothing cancels.
 *
 * The inverse takes u = (y - y0) / h, or, beyond the middle of the bin, (y1 - y) / h with p and q
 * exchanged, and finds the root t <= 1/2 of low(t) = u. It starts from the root of p' t + c t^2 =
 * u, with p' = p (1 - r)^2 and c = (3 - q) (1 - r) + u^(1/3) at r = u / (2 low(1/2)). The start is
 * within 30 % of the root for all p, q and u, also near double and triple roots. Halley's steps
 * reduce the error to 1e-2, 3e-7, and rounding. So three steps are enough, and no bracket is
 * needed.
 *
 * Source: Durkan, Bekasov, Murray and Papamakarios (2019), Cubic-spline flows; the form is of de
 * Boor (1978), and the root is our own.
 * Max error: float 1 ULP of the bound, over the slope for the inverse, and 1e-6 of the logarithm;
 * double 4 ULP of the largest term, or 1e-13, of splines with slopes from 1e-3 to 1e3, beside
 * narrow bins. x = NaN, or a size that is NaN or +inf, gives NaN.
 */
#ifndef FG_FLOW_SPLINES_CUBIC_SPLINE_H
#define FG_FLOW_SPLINES_CUBIC_SPLINE_H

#include "core/lanes.h"

/* The slope at an end of a bin, as a multiple of the bin's own slope, and `rest` = 3 - slope. */
typedef struct {
    wide_real slope, rest;
} cubic_end;

/* A point in its bin: its distances from both ends, as shares of the width, and the data of the
 * bin. */
typedef struct {
    wide_real theta, om, x0, x1, y0, y1, w, h, s, inverse_w, inverse_h;
    cubic_end low, high;
} cubic_point;

/* The share of the height between the end `from` and the point at share t of the width. */
static inline wide_real cubic_risen(wide_real t, wide_real o, cubic_end from, cubic_end to)
{
    return t * wide_mul_add(t, wide_mul_add(to.rest, o, t), from.slope * o * o);
}

/* 3 - p - q, as (3 - the larger) - the smaller, so that it does not cancel. */
static inline wide_real cubic_middle(cubic_end from, cubic_end to)
{
    return wide_select(from.slope > to.slope, from.rest - to.slope, to.rest - from.slope);
}

/* dy/dx as a multiple of the bin's own slope, and its derivative with respect to t. */
static inline wide_real cubic_rate(wide_real t, wide_real o, cubic_end from, cubic_end to,
                                   wide_real *bend)
{
    const wide_real middle = cubic_middle(from, to), p = from.slope, q = to.slope;
    *bend = 2 * wide_mul_add(middle, o - t, wide_mul_add(q, t, -(p * o)));
    return wide_mul_add(p * o, o, wide_mul_add(q * t, t, 2 * middle * (t * o)));
}

/* x^(1/3) within 6 %, for x >= 0: the upper half of the bits, divided by 3. */
static inline wide_real near_cube_root(wide_real x)
{
    uint64_t bits;
    wide_real upper, root;
    memcpy(&bits, &x, sizeof bits);
    bits = bits >> 32 | (uint64_t)0x433 << 52;
    memcpy(&upper, &bits, sizeof upper);
    upper = wide_mul_add(upper - 0x1p52, 1.0 / 3, 682.0 * 0x1p20 + 0x1p52);
    memcpy(&bits, &upper, sizeof bits);
    bits <<= 32;
    memcpy(&root, &bits, sizeof root);
    return root;
}

#define NOT_NOTHING 0x1p-1000 /* keeps a divisor from 0 */

static inline wide_real cubic_step(wide_real t, wide_real u, cubic_end from, cubic_end to)
{
    const wide_real o = 1 - t, e = u - cubic_risen(t, o, from, to);
    wide_real bend;
    const wide_real rate = cubic_rate(t, o, from, to, &bend), twice = 2 * rate;
    return wide_mul_add(e, twice / wide_mul_add(twice, rate, wide_mul_add(e, bend, NOT_NOTHING)),
                        t);
}

/* The share t <= 1/2 of the width from the end `from` at which the share u of the height is
 * reached. */
static inline wide_real cubic_root(wide_real u, cubic_end from, cubic_end to)
{
    const wide_real root = near_cube_root(u), cubic = root < 0.5 ? root : 0.5;
    const wide_real left = 1 - 4 * u / (1 + from.slope + to.rest);
    const wide_real p = from.slope * left * left, c = wide_mul_add(to.rest, left, cubic);
    const wide_real square = wide_mul_add(4 * c, u, p * p);
    wide_real t = 2 * u / (p + wide_sqrt(square) + NOT_NOTHING);
    t = cubic_step(t, u, from, to);
    t = cubic_step(t, u, from, to);
    return cubic_step(t, u, from, to);
}

#endif
