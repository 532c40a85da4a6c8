/* The kernels of the rational-quadratic spline: bins, search, formula. */
#ifndef FG_FLOW_SPLINES_RATIONAL_QUADRATIC_LANES_H
#define FG_FLOW_SPLINES_RATIONAL_QUADRATIC_LANES_H

#include "flow/splines/rational_quadratic_spline.h"
#include "flow/splines/spline_slopes.h"
#include "flow/splines/spline_walk.h"

static inline rational_quadratic_point rational_quadratic_point_in(const spline_place *at,
                                                                   const spline_end_slopes *ends,
                                                                   int l, int inverse)
{
    rational_quadratic_point p;
    p.x0 = at->x0[l], p.x1 = at->x1[l], p.y0 = at->y0[l], p.y1 = at->y1[l];
    p.d0 = (wide_real)ends->d0[l], p.d1 = (wide_real)ends->d1[l];
    rational_quadratic_locate(&p, at->inside[l], inverse);
    return p;
}

static void rational_quadratic_values(const spline_place *restrict at,
                                      const spline_end_slopes *restrict ends, int identity,
                                      int inverse, wide_lanes *restrict y,
                                      lanes *restrict log_slope)
{
    wide_lanes slope;
    EACH_LANE(l) {
        const rational_quadratic_point p = rational_quadratic_point_in(at, ends, l, inverse);
        wide_real rise;
        const wide_real within = rational_quadratic_value(&p, inverse, &rise);
        const wide_real end_slope = at->beyond[l] < 0 ? p.d0 : p.d1;
        const wide_real rate = inverse ? 1 / end_slope : end_slope;
        const wide_real end = identity ? at->inside[l] : within;
        const wide_real beyond = spline_beyond(at->inside[l], at->beyond[l], end, rate);
        const int outside = at->beyond[l] != 0;
        (*y)[l] = (outside ? beyond : within) + at->shift[l];
        slope[l] = outside ? end_slope : rise;
    }
    EACH_LANE(l) {
        const real log = log_of_slope(slope[l]);
        (*log_slope)[l] = inverse ? R(0.0) - log : log;
    }
}

/* Makes the bins of both axes, and finds those of the points and the slopes at their ends. The
 * operands are x, widths, heights and slopes. */
static inline void rational_quadratic_find(const ptrdiff_t *size, const double *options,
                                           void *const *operand, void *scratch, int inverse,
                                           spline_sizes *xs, spline_sizes *ys, spline_place *at,
                                           spline_end_slopes *ends)
{
    const ptrdiff_t bins = size[0];
    xs->axis = spline_axis_of(options, SPLINE_MIN_WIDTH, bins);
    ys->axis = spline_axis_of(options, SPLINE_MIN_HEIGHT, bins);
    xs->raw = (lanes *)operand[1], ys->raw = (lanes *)operand[2];
    xs->part = (wide_lanes *)scratch, ys->part = xs->part + bins;
    spline_make_sizes(xs, bins);
    spline_make_sizes(ys, bins);
    spline_reduce(options, inverse ? &ys->end : &xs->end, (lanes *)operand[0], at);
    spline_walk_lanes(bins, inverse, xs, ys, at);
    spline_slopes_at(options, bins, size[1], (lanes *)operand[3], &at->bin, ends);
}

static inline void rational_quadratic_forward(const ptrdiff_t *size, const double *options,
                                              void *const *operand, void *scratch, int inverse)
{
    lanes *const y = (lanes *)operand[4];
    wide_lanes wide_y;
    spline_sizes xs, ys;
    spline_place at;
    spline_end_slopes ends;
    rational_quadratic_find(size, options, operand, scratch, inverse, &xs, &ys, &at, &ends);
    rational_quadratic_values(&at, &ends, xs.axis.given, inverse, &wide_y, (lanes *)operand[5]);
    EACH_LANE(l)
        (*y)[l] = (real)wide_y[l];
}

FG_LANE_KERNEL(rational_quadratic_spline_lanes, 4, 2)
{
    rational_quadratic_forward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(rational_quadratic_spline_inverse_lanes, 4, 2)
{
    rational_quadratic_forward(size, options, operand, scratch, 1);
}

#endif
