/* The kernels of the cubic spline: bins, search, slopes, formula. */
#ifndef FG_FLOW_SPLINES_CUBIC_LANES_H
#define FG_FLOW_SPLINES_CUBIC_LANES_H

#include "flow/splines/cubic_place.h"

/* y from theta (or x), measured from the nearer end of the bin. */
static inline wide_real cubic_value(const cubic_point *p, int inverse)
{
    const wide_real low = cubic_risen(p->theta, p->om, p->low, p->high);
    const wide_real high = cubic_risen(p->om, p->theta, p->high, p->low);
    const int lower = inverse ? p->theta < p->om : low < high;
    const wide_real gone =
        inverse ? p->w * (lower ? p->theta : p->om) : p->h * (lower ? low : high);
    const wide_real low_end = inverse ? p->x0 : p->y0, high_end = inverse ? p->x1 : p->y1;
    return wide_select(lower, low_end + gone, high_end - gone);
}

/* y (or x), and dy/dx. Outside of the bins both are those of the identity. */
static inline real cubic_value_in(const cubic_lane_spline *c, const cubic_point *p, real x, int l,
                                  int inverse, wide_real rate, wide_real *slope)
{
    const int outside = c->at.beyond[l] != 0;
    *slope = wide_select(outside, 1.0, p->s * rate);
    return real_select(outside, x, (real)cubic_value(p, inverse));
}

static void cubic_values(const cubic_lane_spline *restrict c, const lanes *restrict x, int inverse,
                         lanes *restrict y, wide_lanes *restrict slope)
{
    EACH_LANE(l) {
        cubic_ends_by by;
        wide_real bend;
        const cubic_point p = cubic_point_in(c, l, inverse, &by);
        const wide_real rate = cubic_rate(p.theta, p.om, p.low, p.high, &bend);
        (*y)[l] = cubic_value_in(c, &p, (*x)[l], l, inverse, rate, &(*slope)[l]);
    }
}

static void cubic_logs(const wide_lanes *restrict slope, int inverse, lanes *restrict log_slope)
{
    EACH_LANE(l) {
        const real log = log_of_slope((*slope)[l]);
        (*log_slope)[l] = inverse ? R(0.0) - log : log;
    }
}

static inline void cubic_forward(const ptrdiff_t *size, const double *options, void *const *operand,
                                 void *scratch, int inverse)
{
    cubic_lane_spline c;
    wide_lanes slope;
    cubic_find(size, options, operand, scratch, inverse, NULL, NULL, &c);
    cubic_values(&c, (lanes *)operand[0], inverse, (lanes *)operand[4], &slope);
    cubic_logs(&slope, inverse, (lanes *)operand[5]);
}

FG_LANE_KERNEL(cubic_spline_lanes, 4, 2)
{
    cubic_forward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(cubic_spline_inverse_lanes, 4, 2)
{
    cubic_forward(size, options, operand, scratch, 1);
}

#endif
