/* A monotonic rational-quadratic spline y(x) of K bins, and log dy/dx; or its inverse.
 *
 * In a bin of width w, height h, slope s = h / w and slopes d0, d1 at its ends, with
 * theta = (x - x0) / w and om = (x1 - x) / w, each from its own knot:
 *     den = s (theta^2 + om^2) + (d0 + d1) theta om,    q = s / den
 *     y = y0 + h (s theta^2 + d0 theta om) / den
 *     dy/dx = q^2 (d1 theta^2 + 2 s theta om + d0 om^2)
 * Nothing is subtracted, where the usual s + (d0 + d1 - 2 s) theta (1 - theta) cancels.
 *
 * Inverse, of u = (y - y0) / h, v = (y1 - y) / h, P = d0 v, Q = d1 u:
 *     r = sqrt((P - Q)^2 + 4 s^2 u v)
 *     theta = 2 s u / (P - Q + 2 s u + r) where P >= Q, else om = 2 s v / (Q - P + 2 s v + r)
 * A sum of squares: no discriminant is negative, whatever rounding does.
 *
 * Outside of the bins it goes on as a line with the slope of the end, 1 where no slope is given for
 * it; with circular tails it is continued so that y(x + 2 bound) = y(x) + 2 bound.
 *
 * Derivative: see rational_quadratic_vjp. Of the inverse it is that of the forward function for the
 * cotangents (-(c_x - c_L dL/dx) / (dy/dx), -c_L).
 *
 * Source: Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows, and Gregory and
 * Delbourgo (1982); both forms regrouped.
 * Max error: float 1 ULP of the bound or of 1; double 1e-13, of splines with slopes from 1e-3 to
 * 1e3. x = NaN, or a parameter that is NaN or infinite, gives NaN.
 */
#ifndef FG_FLOW_RATIONAL_QUADRATIC_SPLINE_H
#define FG_FLOW_RATIONAL_QUADRATIC_SPLINE_H

#include "flow/spline_bins.h"
#include "flow/spline_slopes.h"

/* A point in its bin: its shares from both ends, and what the bin is like. */
typedef struct {
    real theta, om, x0, x1, y0, y1, w, h, s, d0, d1;
} rational_quadratic_point;

static inline real rational_quadratic_den(const rational_quadratic_point *p)
{
    return mul_add(p->s, mul_add(p->theta, p->theta, p->om * p->om),
                   (p->d0 + p->d1) * (p->theta * p->om));
}

/* dy/dx = q^2 times this */
static inline real rational_quadratic_curve(const rational_quadratic_point *p)
{
    return mul_add(p->d1 * p->theta, p->theta,
                   mul_add(2 * p->s * p->theta, p->om, p->d0 * p->om * p->om));
}

/* theta and om of x, or of y. */
static inline void rational_quadratic_locate(rational_quadratic_point *p, real x, int inverse)
{
    p->w = p->x1 - p->x0;
    p->h = p->y1 - p->y0;
    p->s = p->h / p->w;
    if (!inverse) {
        const real inverse_w = 1 / p->w;
        p->theta = (x - p->x0) * inverse_w;
        p->om = (p->x1 - x) * inverse_w;
        return;
    }
    const real inverse_h = 1 / p->h, u = (x - p->y0) * inverse_h, v = (p->y1 - x) * inverse_h;
    const real difference = mul_add(p->d0, v, -p->d1 * u), twice_s = 2 * p->s;
    const real root = real_sqrt(mul_add(difference, difference, twice_s * twice_s * (u * v)));
    const real part = twice_s * (difference >= 0 ? u : v), rest = real_abs(difference) + root;
    const real inverse_sum = 1 / (part + rest);
    p->theta = (difference >= 0 ? part : rest) * inverse_sum;
    p->om = (difference >= 0 ? rest : part) * inverse_sum;
}

/* y of theta (or x), and dy/dx. */
static inline real rational_quadratic_value(const rational_quadratic_point *p, int inverse,
                                            real *slope)
{
    const real inverse_den = 1 / rational_quadratic_den(p), q = p->s * inverse_den;
    *slope = q * q * rational_quadratic_curve(p);
    const int low = p->theta < p->om;
    const real near = low ? p->theta : p->om, far = low ? p->om : p->theta;
    const real d_near = low ? p->d0 : p->d1;
    const real risen = p->h * (near * inverse_den) * mul_add(p->s, near, d_near * far);
    const real gone = inverse ? p->w * near : risen;
    const real low_end = inverse ? p->x0 : p->y0, high_end = inverse ? p->x1 : p->y1;
    return low ? low_end + gone : high_end - gone;
}

/* Cotangents times the partial derivatives: by theta, by slope s, and by both end slopes. */
typedef struct {
    real theta, s, d0, d1;
} rational_quadratic_gradient;

static inline real rational_quadratic_log_by_theta(const rational_quadratic_point *p,
                                                   real inverse_den, real inverse_curve)
{
    const real across = p->om - p->theta;
    const real curve_by = mul_add(p->d1, p->theta, mul_add(-p->d0, p->om, p->s * across));
    return 2 *
           mul_add(curve_by, inverse_curve, -((p->d0 + p->d1 - 2 * p->s) * across * inverse_den));
}

/* With N = s theta^2 + d0 theta om and phi = N / den, y = y0 + h phi; L = log dy/dx. */
static inline rational_quadratic_gradient rational_quadratic_vjp(const rational_quadratic_point *p,
                                                                 real by_y, real by_l)
{
    const real t = p->theta, o = p->om, both = t * o, s = p->s, d0 = p->d0, d1 = p->d1;
    const real i = 1 / rational_quadratic_den(p);
    const real curve = rational_quadratic_curve(p);
    const real inverse_curve = 1 / curve, scale = by_y * p->h * (i * i);
    const real l_t = rational_quadratic_log_by_theta(p, i, inverse_curve);
    const real l_s = 2 * (1 / s + mul_add(both, inverse_curve, -(mul_add(t, t, o * o) * i)));
    const real l_d = -2 * both * i;
    const rational_quadratic_gradient g = {
        mul_add(scale, s * curve, by_l * l_t),
        mul_add(scale, both * mul_add(d1 * t, t, -d0 * o * o), by_l * l_s),
        mul_add(scale, both * o * mul_add(s, o, d1 * t), by_l * mul_add(o * o, inverse_curve, l_d)),
        mul_add(-scale, both * t * mul_add(s, t, d0 * o),
                by_l * mul_add(t * t, inverse_curve, l_d)),
    };
    return g;
}

#endif
