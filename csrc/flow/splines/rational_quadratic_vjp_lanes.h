/* The kernels of the rational-quadratic spline's derivative: the values, and the gradients. */
#ifndef FG_FLOW_SPLINES_RATIONAL_QUADRATIC_VJP_LANES_H
#define FG_FLOW_SPLINES_RATIONAL_QUADRATIC_VJP_LANES_H

#include "flow/splines/rational_quadratic_gradient.h"
#include "flow/splines/rational_quadratic_lanes.h"
#include "flow/splines/spline_bins_vjp.h"

/* The gradients of the sizes of bins, and of the slopes at both ends of the point's bin. */
typedef struct {
    spline_by_size x, y;
    lanes d0, d1;
} spline_gradient;

/* The gradients for the cotangents by_y and by_log. */
static void rational_quadratic_gradients(const spline_place *restrict at,
                                         const spline_end_slopes *restrict ends, int inverse,
                                         const lanes *restrict by_y, const lanes *restrict by_log,
                                         const wide_lanes *restrict y, lanes *restrict d_x,
                                         spline_gradient *restrict d)
{
    EACH_LANE(l) {
        const rational_quadratic_point p = rational_quadratic_point_in(at, ends, l, inverse);
        const rational_quadratic_parts parts = rational_quadratic_parts_of(&p);
        const int below = at->beyond[l] < 0, outside = at->beyond[l] != 0;
        const wide_real end = below ? p.d0 : p.d1, q = p.s * parts.inverse_den;
        const wide_real slope = outside ? end : q * (q * parts.curve),
                        inverse_curve = 1 / parts.curve;
        const wide_real by_l = inverse ? -(wide_real)(*by_log)[l] : (wide_real)(*by_log)[l];
        const wide_real l_theta =
            rational_quadratic_log_by_theta(&p, parts.inverse_den, inverse_curve);
        /* The cotangent of y in the forward function; see rational_quadratic_gradient.h for the
         * inverse. */
        const wide_real l_x = outside ? 0.0 : l_theta * p.inverse_w;
        const wide_real c = (wide_real)(*by_y)[l],
                        by = inverse ? -wide_mul_add(by_l, l_x, c) / slope : c;
        const rational_quadratic_gradient g =
            rational_quadratic_vjp(&p, &parts, inverse_curve, l_theta, by, by_l);
        const wide_real by_x = g.theta * p.inverse_w, by_size = g.s * p.inverse_w;
        const wide_real over =
            inverse ? (*y)[l] - at->shift[l] - (below ? p.x0 : p.x1) : at->beyond[l];
        const wide_real by_end = wide_mul_add(by, over, by_l / end);
        const wide_real y_here = wide_mul_add(by, parts.low * parts.inverse_den, by_size);
        const wide_real x_here = wide_mul_add(p.theta, by_x, p.s * by_size);
        (*d_x)[l] = (real)(inverse ? -by : outside ? by * end : by_x);
        d->x.below[l] = outside ? 0.0 : -by_x;
        d->x.here[l] = outside ? 0.0 : -x_here;
        d->y.below[l] = outside ? 0.0 : by;
        d->y.here[l] = outside ? 0.0 : y_here;
        d->d0[l] = (real)((outside ? (below ? by_end : 0.0) : g.d0) * (wide_real)ends->d0_by[l]);
        d->d1[l] = (real)((outside ? (below ? 0.0 : by_end) : g.d1) * (wide_real)ends->d1_by[l]);
    }
}

static inline void rational_quadratic_backward(const ptrdiff_t *size, const double *options,
                                               void *const *operand, void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0], slopes = size[1];
    lanes *const y = (lanes *)operand[6];
    wide_lanes wide_y;
    spline_sizes xs, ys;
    spline_place at;
    spline_end_slopes ends;
    spline_gradient d;
    rational_quadratic_find(size, options, operand, scratch, inverse, &xs, &ys, &at, &ends);
    rational_quadratic_values(&at, &ends, xs.axis.given, inverse, &wide_y, (lanes *)operand[7]);
    rational_quadratic_gradients(&at, &ends, inverse, (lanes *)operand[4], (lanes *)operand[5],
                                 &wide_y, (lanes *)operand[8], &d);
    spline_sizes_vjp_lanes(&xs, bins, &at.bin, &at.x0, &at.x1, &d.x, (lanes *)operand[9]);
    spline_sizes_vjp_lanes(&ys, bins, &at.bin, &at.y0, &at.y1, &d.y, (lanes *)operand[10]);
    spline_slopes_vjp(bins, slopes, &at.bin, &d.d0, &d.d1, (lanes *)operand[11]);
    EACH_LANE(l)
        (*y)[l] = (real)wide_y[l];
}

FG_LANE_KERNEL(rational_quadratic_spline_vjp_lanes, 6, 6)
{
    rational_quadratic_backward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(rational_quadratic_spline_inverse_vjp_lanes, 6, 6)
{
    rational_quadratic_backward(size, options, operand, scratch, 1);
}

#endif
