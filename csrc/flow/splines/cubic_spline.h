/* A monotonic cubic spline y(x) of K bins, and log dy/dx; or its inverse.
 *
 * In a bin of width w, height h, slope s = h / w, and slopes p s, q s at its ends, p, q <= 3, with
 * theta = (x - x0) / w and om = (x1 - x) / w, each from its own knot:
 *     low = theta (p om^2 + theta ((3 - q) om + theta)),  y = y0 + h low
 *     high = om (q theta^2 + om ((3 - p) theta + om)),    y = y1 - h high
 *     dy/dx = s (p om^2 + 2 (3 - p - q) theta om + q theta^2)
 * A Bernstein polynomial: y is a sum of what is not negative. Of dy/dx one term may be, but with
 * p or q <= 2, as of K >= 2 bins, no more than 0.82 of the others: nothing cancels.
 *
 * Inverse, of u = (y - y0) / h or, beyond the middle of the bin, of (y1 - y) / h with p and q
 * exchanged: the root t <= 1/2 of low(t) = u. What is started with is the root of
 * p' t + c t^2 = u, where p' = p (1 - r)^2 and c = (3 - q) (1 - r) + u^(1/3) are frozen at r, half
 * of the share that u has of low(1/2). It is off by no more than 30 %, whatever p, q and u are, and
 * of roots that are double or triple too; Halley's steps leave 1e-2, 3e-7, and rounding. So there
 * are three, and no bracket: nothing would ever meet it.
 *
 * Source: Durkan, Bekasov, Murray and Papamakarios (2019), Cubic-spline flows; the form is of de
 * Boor (1978), and the root is our own.
 * Max error: float 1 ULP of the bound, over the slope for the inverse, and 1e-6 of the logarithm;
 * double 1e-13, of splines with slopes from 1e-3 to 1e3, beside narrow bins. x = NaN, or a size
 * that is NaN or +inf, gives NaN.
 */
#ifndef FG_FLOW_SPLINES_CUBIC_SPLINE_H
#define FG_FLOW_SPLINES_CUBIC_SPLINE_H

#include "core/lanes.h"

/* The slope at an end of a bin, as a multiple of the bin's own, and what it is less than 3. */
typedef struct {
    wide_real slope, rest;
} cubic_end;

/* A point in its bin: its shares from both ends, and what the bin is like. */
typedef struct {
    wide_real theta, om, x0, x1, y0, y1, w, h, s, inverse_w, inverse_h;
    cubic_end low, high;
} cubic_point;

/* What has risen a share t after the end `from`. */
static inline wide_real cubic_risen(wide_real t, wide_real o, cubic_end from, cubic_end to)
{
    return t * wide_mul_add(t, wide_mul_add(to.rest, o, t), from.slope * o * o);
}

/* 3 - p - q, of the two that does not cancel. */
static inline wide_real cubic_middle(cubic_end from, cubic_end to)
{
    return wide_select(from.slope > to.slope, from.rest - to.slope, to.rest - from.slope);
}

/* The slope as a multiple of the bin's own, and its derivative. */
static inline wide_real cubic_rate(wide_real t, wide_real o, cubic_end from, cubic_end to,
                                   wide_real *bend)
{
    const wide_real middle = cubic_middle(from, to), p = from.slope, q = to.slope;
    *bend = 2 * wide_mul_add(middle, o - t, wide_mul_add(q, t, -(p * o)));
    return wide_mul_add(p * o, o, wide_mul_add(q * t, t, 2 * middle * (t * o)));
}

/* x^(1/3) within 6 %, of x that is not negative: of the bits' upper half, a third. */
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

#define NOT_NOTHING 0x1p-1000 /* for a divisor */

static inline wide_real cubic_step(wide_real t, wide_real u, cubic_end from, cubic_end to)
{
    const wide_real o = 1 - t, e = u - cubic_risen(t, o, from, to);
    wide_real bend;
    const wide_real rate = cubic_rate(t, o, from, to, &bend), twice = 2 * rate;
    return wide_mul_add(e, twice / wide_mul_add(twice, rate, wide_mul_add(e, bend, NOT_NOTHING)),
                        t);
}

/* The share t <= 1/2 after the end `from` at which u has risen. */
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
