/* Where a point lies in a cubic spline: its bin, those beside it, and its shares of the bin. */
#ifndef FG_FLOW_CUBIC_PLACE_H
#define FG_FLOW_CUBIC_PLACE_H

#include "flow/cubic_slopes.h"
#include "flow/spline_bins.h"
#include "flow/spline_neighbours.h"
#include "flow/spline_place.h"

/* A spline at 16 points: both axes, where the points are, and the raw slopes of both ends. */
typedef struct {
    ptrdiff_t bins;
    spline_bins x, y;
    spline_place at;
    spline_neighbours x_beside, y_beside;
    const lanes *raw;
} cubic_lane_spline;

/* The knots, the bin of each point, and those beside it; of operands x, widths, heights and slopes.
 * The shares of both axes, if wanted, are left where it says. */
static inline void cubic_find(const ptrdiff_t *size, const double *options, void *const *operand,
                              void *scratch, int inverse, lanes *x_shares, lanes *y_shares,
                              cubic_lane_spline *c)
{
    const ptrdiff_t bins = size[0];
    wide_lanes *const x_knots = scratch, *const y_knots = x_knots + bins + 1;
    const spline_axis x_axis = spline_axis_of(options, SPLINE_MIN_WIDTH, bins);
    const spline_axis y_axis = spline_axis_of(options, SPLINE_MIN_HEIGHT, bins);
    c->bins = bins;
    c->raw = operand[3];
    c->x = (spline_bins){x_axis, operand[1], x_shares, x_knots};
    c->y = (spline_bins){y_axis, operand[2], y_shares, y_knots};
    spline_knots(&c->x, bins);
    spline_knots(&c->y, bins);
    spline_find(options, bins, operand[0], x_knots, y_knots, inverse, &c->at);
    spline_find_neighbours(bins, x_knots, &c->at.bin, &c->x_beside);
    spline_find_neighbours(bins, y_knots, &c->at.bin, &c->y_beside);
}

/* How the slopes at both ends of a bin move with what they are made of. */
typedef struct {
    wide_real low_a, low_b, high_a, high_b; /* how wide and how high the bins beside are */
    cubic_end_by low, high;
} cubic_ends_by;

static inline __attribute__((always_inline)) cubic_point cubic_bin_in(const cubic_lane_spline *c,
                                                                      int l, cubic_ends_by *by)
{
    const spline_place *const at = &c->at;
    cubic_point p;
    p.x0 = at->x0[l], p.x1 = at->x1[l], p.y0 = at->y0[l], p.y1 = at->y1[l];
    p.w = p.x1 - p.x0;
    p.h = p.y1 - p.y0;
    p.inverse_w = 1 / p.w;
    p.inverse_h = 1 / p.h;
    p.s = p.h * p.inverse_w;
    by->low_a = (p.x0 - c->x_beside.below[l]) * p.inverse_w;
    by->low_b = (p.y0 - c->y_beside.below[l]) * p.inverse_h;
    by->high_a = (c->x_beside.above[l] - p.x1) * p.inverse_w;
    by->high_b = (c->y_beside.above[l] - p.y1) * p.inverse_h;
    const int first = at->bin[l] == 0, last = at->bin[l] == (real)(c->bins - 1);
    p.low = cubic_slope(first, c->raw[0][l], by->low_a, by->low_b, &by->low);
    p.high = cubic_slope(last, c->raw[1][l], by->high_a, by->high_b, &by->high);
    return p;
}

static inline __attribute__((always_inline)) cubic_point cubic_point_in(const cubic_lane_spline *c,
                                                                        int l, int inverse,
                                                                        cubic_ends_by *by)
{
    cubic_point p = cubic_bin_in(c, l, by);
    const wide_real x = c->at.inside[l];
    if (!inverse) {
        p.theta = (x - p.x0) * p.inverse_w;
        p.om = (p.x1 - x) * p.inverse_w;
        return p;
    }
    const wide_real u = (x - p.y0) * p.inverse_h, v = (p.y1 - x) * p.inverse_h;
    const int below = 8 * u < 1 + p.low.slope + p.high.rest;
    const cubic_end from = {below ? p.low.slope : p.high.slope, below ? p.low.rest : p.high.rest};
    const cubic_end to = {below ? p.high.slope : p.low.slope, below ? p.high.rest : p.low.rest};
    const wide_real t = cubic_root(wide_chosen(below, u, v), from, to);
    p.theta = wide_chosen(below, t, 1 - t);
    p.om = wide_chosen(below, 1 - t, t);
    return p;
}

#endif
