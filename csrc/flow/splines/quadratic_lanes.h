/* The kernels of the quadratic spline: bins, densities, search, formula. */
#ifndef FG_FLOW_SPLINES_QUADRATIC_LANES_H
#define FG_FLOW_SPLINES_QUADRATIC_LANES_H

#include "flow/splines/quadratic_place.h"
#include "flow/splines/quadratic_spline.h"

static inline quadratic_point quadratic_point_in(const quadratic_place *place, wide_real least,
                                                 int l, int inverse)
{
    const spline_place *const at = &place->at;
    quadratic_point p;
    p.x0 = at->x0[l], p.x1 = at->x1[l], p.y0 = at->y0[l], p.y1 = at->y1[l];
    p.d0 = least + place->e0[l], p.d1 = least + place->e1[l];
    quadratic_locate(&p, at->inside[l], inverse);
    return p;
}

static void quadratic_values(const quadratic_place *restrict place, wide_real least, int inverse,
                             const lanes *restrict x, lanes *restrict y, lanes *restrict log_slope)
{
    const spline_place *const at = &place->at;
    wide_lanes slope;
    EACH_LANE(l) {
        const quadratic_point p = quadratic_point_in(place, least, l, inverse);
        const wide_real end = at->beyond[l] < 0 ? p.d0 : p.d1, step = at->beyond[l];
        const wide_real line = at->inside[l] + (inverse ? step / end : step * end);
        const wide_real outer = wide_select(end == 1.0, (wide_real)(*x)[l], line);
        const int outside = step != 0;
        slope[l] = wide_select(outside, end, p.density);
        (*y)[l] = (real)wide_select(outside, outer, quadratic_value(&p, inverse));
    }
    EACH_LANE(l) {
        const real log = log_of_slope(slope[l]);
        (*log_slope)[l] = inverse ? R(0.0) - log : log;
    }
}

static inline void quadratic_forward(const ptrdiff_t *size, const double *options,
                                     void *const *operand, void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0];
    wide_lanes *const knots = (wide_lanes *)scratch, *const excess = knots + bins + 1, rate;
    const spline_bins b = {spline_axis_of(options, SPLINE_MIN_WIDTH, bins), (lanes *)operand[1],
                           NULL, knots};
    const quadratic_densities d = {
        bins,  size[1], options[SPLINE_BOUND], quadratic_least(options), (lanes *)operand[2], NULL,
        knots, excess};
    quadratic_place place;
    quadratic_find(options, &b, &d, (lanes *)operand[0], inverse, &rate, &place);
    quadratic_values(&place, d.least, inverse, (lanes *)operand[0], (lanes *)operand[3],
                     (lanes *)operand[4]);
}

FG_LANE_KERNEL(quadratic_spline_lanes, 3, 2)
{
    quadratic_forward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(quadratic_spline_inverse_lanes, 3, 2)
{
    quadratic_forward(size, options, operand, scratch, 1);
}

#endif
