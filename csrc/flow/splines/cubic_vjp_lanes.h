/* The kernels of the cubic spline's derivative: the values, and the gradients.
 *
 * Within a bin, y = y0 + h low and L = log s + log rate, where rate = dy/dx / s. Partial
 * derivatives:
 *     low_theta = rate,  low_p = theta om^2,               low_q = -theta^2 om
 *     L_theta = bend / rate,  L_p = om (om - 2 theta) / rate,  L_q = theta (theta - 2 om) / rate
 * p and q depend on the sizes of this bin and of the bin beside. The derivative of the inverse is
 * that of the forward function for the cotangents (-(c_x - c_L dL/dx) / (dy/dx), -c_L).
 */
#ifndef FG_FLOW_SPLINES_CUBIC_VJP_LANES_H
#define FG_FLOW_SPLINES_CUBIC_VJP_LANES_H

#include "flow/splines/cubic_lanes.h"

/* The gradients of the sizes of bins. */
typedef struct {
    spline_by_sizes_near x, y;
} cubic_gradient;

/* Cotangents times the partial derivatives with respect to theta, p, and q. */
typedef struct {
    wide_real theta, low, high;
} cubic_by;

static inline cubic_by cubic_vjp(const cubic_point *p, wide_real by_y, wide_real by_l,
                                 wide_real rate, wide_real inverse_rate, wide_real l_theta)
{
    const wide_real t = p->theta, o = p->om, scale = by_y * p->h, by_rate = by_l * inverse_rate;
    const cubic_by g = {
        wide_mul_add(scale, rate, by_l * l_theta),
        o * wide_mul_add(scale, t * o, by_rate * (o - 2 * t)),
        t * wide_mul_add(-scale, t * o, by_rate * (t - 2 * o)),
    };
    return g;
}

/* The gradients of the sizes of this bin and those beside, from by_y and by_l, for a point within
 * the bins. */
static inline void cubic_by_sizes(const cubic_point *p, const cubic_ends_by *ends,
                                  const cubic_by *g, wide_real by_y, wide_real by_l, int outside,
                                  int l, cubic_gradient *d)
{
    const wide_real low_a = g->low * ends->low.width, high_a = g->high * ends->high.width;
    const wide_real low_b = g->low * ends->low.height, high_b = g->high * ends->high.height;
    const wide_real moved_a = wide_mul_add(low_a, ends->low_a, high_a * ends->high_a);
    const wide_real moved_b = wide_mul_add(low_b, ends->low_b, high_b * ends->high_b);
    const wide_real risen = cubic_risen(p->theta, p->om, p->low, p->high);
    const wide_real x_here = -(wide_mul_add(p->theta, g->theta, by_l) + moved_a) * p->inverse_w;
    const wide_real y_here = wide_mul_add(by_y, risen, (by_l - moved_b) * p->inverse_h);
    d->x.below[l] = wide_select(outside, 0.0, -(g->theta * p->inverse_w));
    d->x.before[l] = wide_select(outside, 0.0, low_a * p->inverse_w);
    d->x.here[l] = wide_select(outside, 0.0, x_here);
    d->x.after[l] = wide_select(outside, 0.0, high_a * p->inverse_w);
    d->y.below[l] = wide_select(outside, 0.0, by_y);
    d->y.before[l] = wide_select(outside, 0.0, low_b * p->inverse_h);
    d->y.here[l] = wide_select(outside, 0.0, y_here);
    d->y.after[l] = wide_select(outside, 0.0, high_b * p->inverse_h);
}

/* Writes the gradients, and y and `slope`, whose logarithm the caller takes. The operands are those
 * of the derivative. */
static void cubic_gradients(const cubic_lane_spline *restrict c, int inverse,
                            const lanes *restrict x, const lanes *restrict by_y,
                            const lanes *restrict by_log, lanes *restrict y,
                            wide_lanes *restrict slope, lanes *restrict d_x, lanes *restrict d_raw,
                            cubic_gradient *restrict d)
{
    EACH_LANE(l) {
        cubic_ends_by ends;
        wide_real bend;
        const cubic_point p = cubic_point_in(c, l, inverse, &ends);
        const int outside = c->at.beyond[l] != 0;
        const wide_real rate = cubic_rate(p.theta, p.om, p.low, p.high, &bend);
        const wide_real inverse_rate = 1 / rate, l_theta = bend * inverse_rate;
        const wide_real c_y = (wide_real)(*by_y)[l], c_log = (wide_real)(*by_log)[l];
        const wide_real by_l = inverse ? -c_log : c_log;
        /* The cotangent of y in the forward function. For the inverse see the top of this file. */
        const wide_real through = wide_mul_add(by_l * l_theta, p.inverse_w, c_y);
        const wide_real by = inverse ? -through * (inverse_rate * (p.w * p.inverse_h)) : c_y;
        const cubic_by g = cubic_vjp(&p, by, by_l, rate, inverse_rate, l_theta);
        (*y)[l] = cubic_value_in(c, &p, (*x)[l], l, inverse, rate, &(*slope)[l]);
        (*d_x)[l] = real_select(outside, (*by_y)[l], (real)(inverse ? -by : g.theta * p.inverse_w));
        d_raw[0][l] = real_select(outside, R(0.0), (real)(g.low * ends.low.raw));
        d_raw[1][l] = real_select(outside, R(0.0), (real)(g.high * ends.high.raw));
        cubic_by_sizes(&p, &ends, &g, by, by_l, outside, l, d);
    }
}

static inline void cubic_backward(const ptrdiff_t *size, const double *options,
                                  void *const *operand, void *scratch, int inverse)
{
    cubic_lane_spline c;
    cubic_gradient d;
    wide_lanes slope;
    cubic_find(size, options, operand, (lanes *)scratch, inverse, (lanes *)operand[9],
               (lanes *)operand[10], &c);
    cubic_gradients(&c, inverse, (lanes *)operand[0], (lanes *)operand[4], (lanes *)operand[5],
                    (lanes *)operand[6], &slope, (lanes *)operand[8], (lanes *)operand[11], &d);
    cubic_logs(&slope, inverse, (lanes *)operand[7]);
    spline_near_sizes_vjp(&c.x, c.bins, &c.at.bin, &c.at.x0, &c.at.x1, &c.x_beside, &d.x);
    spline_near_sizes_vjp(&c.y, c.bins, &c.at.bin, &c.at.y0, &c.at.y1, &c.y_beside, &d.y);
}

FG_LANE_KERNEL(cubic_spline_vjp_lanes, 6, 6)
{
    cubic_backward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(cubic_spline_inverse_vjp_lanes, 6, 6)
{
    cubic_backward(size, options, operand, scratch, 1);
}

#endif
