/* A monotonic rational-quadratic spline y(x) of K bins, and log dy/dx; or its inverse.
 *
 * In a bin of width w, height h, slope s = h / w and slopes d0, d1 at its ends, with theta = (x -
 * x0) / w and om = (x1 - x) / w, each from its own knot:
 *     low = theta (s theta + d0 om),  high = om (s om + d1 theta),  q = s / (low + high)
 *     y = y0 + h low / (low + high) = y1 - h high / (low + high)
 *     dy/dx = q^2 (d1 theta^2 + 2 s theta om + d0 om^2)
 * Nothing is subtracted. The usual s + (d0 + d1 - 2 s) theta (1 - theta) cancels.
 *
 * Inverse, of u = (y - y0) / h, v = (y1 - y) / h, P = d0 v, Q = d1 u:
 *     r = sqrt((P - Q)^2 + 4 s^2 u v)
 *     theta = 2 s u / (P - Q + 2 s u + r) where P >= Q, else om = 2 s v / (Q - P + 2 s v + r)
 * The discriminant is a sum of terms >= 0, so rounding cannot make it negative. For float arrays
 * all of this is computed in double, except the slopes at the knots and the logarithm.
 *
 * Outside of the bins the spline is a line with the slope of the end, 1 where none is given. With
 * circular tails, y(x + 2 bound) = y(x) + 2 bound.
 *
 * Source: Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows, and Gregory and
 * Delbourgo (1982); both forms regrouped.
 * Max error: float 1 ULP of the bound, over the slope for the inverse, and 1e-5 of the logarithm;
 * double 8 ULP of the largest term, or 1e-13, of splines with slopes from 1e-3 to 1e3. x = NaN, or
 * a parameter that is NaN or infinite, gives NaN.
 */
#ifndef FG_FLOW_SPLINES_RATIONAL_QUADRATIC_SPLINE_H
#define FG_FLOW_SPLINES_RATIONAL_QUADRATIC_SPLINE_H

#include "core/lanes.h"

/* A point in its bin: its distances from both ends, as shares of the width, and the data of the
 * bin. */
typedef struct {
    wide_real theta, om, x0, x1, y0, y1, w, h, s, d0, d1, inverse_w;
} rational_quadratic_point;

/* The common parts of y and dy/dx. */
typedef struct {
    wide_real low, high, inverse_den, curve;
} rational_quadratic_parts;

static inline rational_quadratic_parts
rational_quadratic_parts_of(const rational_quadratic_point *p)
{
    rational_quadratic_parts parts;
    const wide_real s = p->s, d0 = p->d0, d1 = p->d1, t = p->theta, o = p->om;
    const wide_real low_side = wide_mul_add(d0, o, s * t), high_side = wide_mul_add(d1, t, s * o);
    parts.low = t * low_side;
    parts.high = o * high_side;
    parts.inverse_den = 1 / (parts.low + parts.high);
    parts.curve = wide_mul_add(t, wide_mul_add(s, o, d1 * t), o * low_side);
    return parts;
}

/* theta and om of x, or of y for the inverse. */
static inline void rational_quadratic_locate(rational_quadratic_point *p, wide_real x, int inverse)
{
    p->w = p->x1 - p->x0;
    p->h = p->y1 - p->y0;
    p->inverse_w = 1 / p->w;
    p->s = p->h * p->inverse_w;
    if (!inverse) {
        p->theta = (x - p->x0) * p->inverse_w;
        p->om = (p->x1 - x) * p->inverse_w;
        return;
    }
    const wide_real inverse_h = 1 / p->h, u = (x - p->y0) * inverse_h, v = (p->y1 - x) * inverse_h;
    const wide_real difference = wide_mul_add(p->d0, v, -p->d1 * u), twice_s = 2 * p->s;
    const wide_real square = wide_mul_add(difference, difference, twice_s * twice_s * (u * v));
    const wide_real root = wide_sqrt(square);
    const int below = difference >= 0;
    const wide_real part = twice_s * (below ? u : v),
                    rest = (below ? difference : -difference) + root;
    const wide_real inverse_sum = 1 / (part + rest);
    p->theta = (below ? part : rest) * inverse_sum;
    p->om = (below ? rest : part) * inverse_sum;
}

/* y from theta (or x), measured from the nearer end of the bin, and dy/dx. */
static inline wide_real rational_quadratic_value(const rational_quadratic_point *p, int inverse,
                                                 wide_real *slope)
{
    const rational_quadratic_parts parts = rational_quadratic_parts_of(p);
    const wide_real q = p->s * parts.inverse_den;
    *slope = q * (q * parts.curve);
    const int low = inverse ? p->theta < p->om : parts.low < parts.high;
    const wide_real risen = (low ? parts.low : parts.high) * parts.inverse_den;
    const wide_real gone = inverse ? p->w * (low ? p->theta : p->om) : p->h * risen;
    const wide_real low_end = inverse ? p->x0 : p->y0, high_end = inverse ? p->x1 : p->y1;
    return low ? low_end + gone : high_end - gone;
}

#endif
