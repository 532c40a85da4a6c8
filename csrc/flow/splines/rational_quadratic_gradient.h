/* The derivatives of y = y0 + h low / den and L = log dy/dx within a bin, with the names of
 * rational_quadratic_spline.h, with respect to theta, the slope s, and the slopes at both ends.
 *
 * The derivative of the inverse is that of the forward function for the cotangents (-(c_x - c_L
 * dL/dx) / (dy/dx), -c_L).
 */
#ifndef FG_FLOW_SPLINES_RATIONAL_QUADRATIC_GRADIENT_H
#define FG_FLOW_SPLINES_RATIONAL_QUADRATIC_GRADIENT_H

#include "flow/splines/rational_quadratic_spline.h"

/* Cotangents times the partial derivatives with respect to theta, the slope s, and both end slopes.
 */
typedef struct {
    wide_real theta, s, d0, d1;
} rational_quadratic_gradient;

static inline wide_real rational_quadratic_log_by_theta(const rational_quadratic_point *p,
                                                        wide_real inverse_den,
                                                        wide_real inverse_curve)
{
    const wide_real across = p->om - p->theta;
    const wide_real curve_by =
        wide_mul_add(p->d1, p->theta, wide_mul_add(-p->d0, p->om, p->s * across));
    return 2 * wide_mul_add(curve_by, inverse_curve,
                            -((p->d0 + p->d1 - 2 * p->s) * across * inverse_den));
}

/* y = y0 + h low / den; L = log dy/dx. */
static inline rational_quadratic_gradient
rational_quadratic_vjp(const rational_quadratic_point *p, const rational_quadratic_parts *parts,
                       wide_real inverse_curve, wide_real l_theta, wide_real by_y, wide_real by_l)
{
    const wide_real t = p->theta, o = p->om, both = t * o, s = p->s, d0 = p->d0, d1 = p->d1;
    const wide_real i = parts->inverse_den, scale = by_y * p->h * i, d_s = both * i;
    const wide_real squares = wide_mul_add(t, t, o * o);
    const wide_real l_s = 2 * (1 / s + wide_mul_add(both, inverse_curve, -squares * i));
    const rational_quadratic_gradient g = {
        wide_mul_add(scale, s * i * parts->curve, by_l * l_theta),
        wide_mul_add(scale, d_s * wide_mul_add(d1 * t, t, -d0 * o * o), by_l * l_s),
        wide_mul_add(scale, d_s * parts->high, by_l * wide_mul_add(o * o, inverse_curve, -2 * d_s)),
        wide_mul_add(-scale, d_s * parts->low, by_l * wide_mul_add(t * t, inverse_curve, -2 * d_s)),
    };
    return g;
}

#endif
