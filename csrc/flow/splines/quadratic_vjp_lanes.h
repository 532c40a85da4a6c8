/* The kernels of the quadratic spline's derivative: the values, and the gradients.
 *
 * The derivative of the inverse is that of the forward function, at the x that was found, for the
 * cotangents (-(c_x - c_L dL/dx) / (dy/dx), -c_L).
 */
#ifndef FG_FLOW_SPLINES_QUADRATIC_VJP_LANES_H
#define FG_FLOW_SPLINES_QUADRATIC_VJP_LANES_H

#include "flow/splines/quadratic_lanes.h"
#include "flow/splines/quadratic_widths_vjp.h"

/* The distance from an end, limited to finite numbers. If the end has a fixed density, the distance
 * is multiplied by 0, and an infinite one would give NaN. */
static inline wide_real quadratic_step(wide_real beyond)
{
    const wide_real most = 0x1p900, low = beyond > most ? most : beyond;
    return low < -most ? -most : low;
}

/* The gradient of x, and the cotangents for the gradients of the parameters. */
static void quadratic_by_x(const quadratic_place *restrict place, wide_real least, int inverse,
                           const lanes *restrict by_y, const lanes *restrict by_log,
                           lanes *restrict d_x, quadratic_cotangents *restrict c)
{
    EACH_LANE(l) {
        const quadratic_point p = quadratic_point_in(place, least, l, inverse);
        const wide_real beyond = place->at.beyond[l], end = beyond < 0 ? p.d0 : p.d1;
        const int outside = beyond != 0;
        const wide_real slope = wide_select(outside, end, p.density), inverse_slope = 1 / slope;
        const wide_real by_l = inverse ? -(wide_real)(*by_log)[l] : (wide_real)(*by_log)[l];
        const wide_real by_slope = by_l * inverse_slope;
        const wide_real bend = (place->e1[l] - place->e0[l]) * p.inverse_w;
        const wide_real by_bend = wide_select(outside, 0.0, by_slope * bend);
        /* The cotangent of y in the forward function. For the inverse see the top of this file. */
        const wide_real given = (wide_real)(*by_y)[l];
        const wide_real by = inverse ? -(given + by_bend) * inverse_slope : given;
        const wide_real step = quadratic_step(inverse ? beyond * inverse_slope : beyond);
        (*d_x)[l] = (real)(inverse ? -by : wide_mul_add(by, slope, by_bend));
        c->by_y[l] = wide_select(outside, 0.0, by);
        c->by_density[l] = wide_select(outside, wide_mul_add(by, step, by_slope), by_slope);
        c->bin[l] = (wide_real)place->at.bin[l];
        c->theta[l] = p.theta, c->om[l] = p.om, c->w[l] = p.w;
    }
}

static inline void quadratic_backward(const ptrdiff_t *size, const double *options,
                                      void *const *operand, void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0];
    wide_lanes *const knots = (wide_lanes *)scratch, *const excess = knots + bins + 1, rate;
    const spline_bins b = {spline_axis_of(options, SPLINE_MIN_WIDTH, bins), (lanes *)operand[1],
                           (lanes *)operand[8], knots};
    const quadratic_densities d = {bins,
                                   size[1],
                                   options[SPLINE_BOUND],
                                   quadratic_least(options),
                                   (lanes *)operand[2],
                                   (lanes *)operand[9],
                                   knots,
                                   excess};
    quadratic_place place;
    quadratic_cotangents c;
    quadratic_find(options, &b, &d, (lanes *)operand[0], inverse, &rate, &place);
    quadratic_values(&place, d.least, inverse, (lanes *)operand[0], (lanes *)operand[5],
                     (lanes *)operand[6]);
    quadratic_by_x(&place, d.least, inverse, (lanes *)operand[3], (lanes *)operand[4],
                   (lanes *)operand[7], &c);
    quadratic_sides(&d, &place, &c);
    quadratic_heights_vjp(&d, &rate, &c);
    quadratic_widths_vjp(&b, &d, &place, &c, excess + bins + 1);
}

FG_LANE_KERNEL(quadratic_spline_vjp_lanes, 5, 5)
{
    quadratic_backward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(quadratic_spline_inverse_vjp_lanes, 5, 5)
{
    quadratic_backward(size, options, operand, scratch, 1);
}

#endif
