/* A piecewise quadratic spline y(x) of K bins, and log dy/dx; or its inverse. The density dy/dx is
 * linear in each bin.
 *
 * In a bin of width w and height h, of densities d0, d1 at its ends, with theta = (x - x0) / w and
 * om = (x1 - x) / w, each from its own knot:
 *     low = theta (d0 (1 + om) + d1 theta) / (d0 + d1)
 *     high = om (d1 (1 + theta) + d0 om) / (d0 + d1)
 *     y = y0 + h low = y1 - h high,   dy/dx = d0 om + d1 theta
 *
 * Inverse, of u = (y - y0) / h, v = (y1 - y) / h:
 *     dy/dx = sqrt(d0^2 v + d1^2 u)
 *     theta = u (d0 + d1) / (d0 + dy/dx),   om = v (d0 + d1) / (d1 + dy/dx)
 * Every term is positive, so nothing cancels. For d0 = d1 the usual root of a quadratic equation is
 * 0 / 0. All of this is computed in double, for float arrays too.
 *
 * Outside of the bins the spline is a line with the density of the end, 1 where none is given.
 *
 * Source: Mueller, McWilliams, Rousselle, Gross and Novak (2019), Neural importance sampling; the
 * inverse regrouped.
 * Max error: float 1 ULP of the bound, over the slope for the inverse, and 1e-6 of the logarithm;
 * double 8 ULP of the largest term, or 1e-13, of splines with densities from 1e-3 to 1e3. NaN gives
 * NaN, and so does a parameter of infinity.
 */
#ifndef FG_FLOW_SPLINES_QUADRATIC_SPLINE_H
#define FG_FLOW_SPLINES_QUADRATIC_SPLINE_H

#include "core/lanes.h"

/* A point in its bin: its distances from both ends, as shares of the width, its density, and the
 * data of the bin. */
typedef struct {
    wide_real theta, om, density, x0, x1, y0, y1, w, d0, d1, inverse_w, inverse_sum;
} quadratic_point;

/* theta, om and the density at x, or at y for the inverse. */
static inline void quadratic_locate(quadratic_point *p, wide_real x, int inverse)
{
    const wide_real sum = p->d0 + p->d1;
    p->w = p->x1 - p->x0;
    p->inverse_w = 1 / p->w;
    p->inverse_sum = 1 / sum;
    if (!inverse) {
        p->theta = (x - p->x0) * p->inverse_w;
        p->om = (p->x1 - x) * p->inverse_w;
        p->density = wide_mul_add(p->d1, p->theta, p->d0 * p->om);
        return;
    }
    const wide_real inverse_h = 1 / (p->y1 - p->y0);
    const wide_real u = (x - p->y0) * inverse_h, v = (p->y1 - x) * inverse_h;
    p->density = wide_sqrt(wide_mul_add(p->d1 * p->d1, u, p->d0 * p->d0 * v));
    p->theta = u * sum / (p->d0 + p->density);
    p->om = v * sum / (p->d1 + p->density);
}

/* y from theta (or x), measured from the nearer end of the bin. */
static inline wide_real quadratic_value(const quadratic_point *p, int inverse)
{
    const wide_real t = p->theta, o = p->om;
    const wide_real below = t * wide_mul_add(p->d1, t, p->d0 * (1 + o)) * p->inverse_sum;
    const wide_real above = o * wide_mul_add(p->d0, o, p->d1 * (1 + t)) * p->inverse_sum;
    const int low = inverse ? t < o : below < above;
    const wide_real size = inverse ? p->w : p->y1 - p->y0;
    const wide_real gone = size * (inverse ? (low ? t : -o) : (low ? below : -above));
    return (low ? (inverse ? p->x0 : p->y0) : (inverse ? p->x1 : p->y1)) + gone;
}

#endif
