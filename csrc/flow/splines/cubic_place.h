/* The position of a point in a cubic spline: its bin, the bins beside it, and its place in the bin.
 */
#ifndef FG_FLOW_SPLINES_CUBIC_PLACE_H
#define FG_FLOW_SPLINES_CUBIC_PLACE_H

#include "flow/splines/cubic_slopes.h"
#include "flow/splines/spline_bins.h"
#include "flow/splines/spline_neighbours.h"
#include "flow/splines/spline_place.h"

/* A spline at 16 points: both axes, the positions of the points, and the raw slopes of both ends.
 */
typedef struct {
    ptrdiff_t bins;
    spline_bins x, y;
    spline_place at;
    spline_neighbours x_beside, y_beside;
    const lanes *raw;
} cubic_lane_spline;

/* Finds the knots, the bin of each point, and the bins beside it. The operands are x, widths,
 * heights and slopes. If x_shares and y_shares are not NULL, the shares of both axes are written
 * there. */
static inline void cubic_find(const ptrdiff_t *size, const double *options, void *const *operand,
                              void *scratch, int inverse, lanes *x_shares, lanes *y_shares,
                              cubic_lane_spline *c)
{
    const ptrdiff_t bins = size[0];
    wide_lanes *const x_knots = (wide_lanes *)scratch, *const y_knots = x_knots + bins + 1;
    const spline_axis x_axis = spline_axis_of(options, SPLINE_MIN_WIDTH, bins);
    const spline_axis y_axis = spline_axis_of(options, SPLINE_MIN_HEIGHT, bins);
    c->bins = bins;
    c->raw = (lanes *)operand[3];
    c->x = (spline_bins){x_axis, (lanes *)operand[1], x_shares, x_knots};
    c->y = (spline_bins){y_axis, (lanes *)operand[2], y_shares, y_knots};
    spline_knots(&c->x, bins);
    spline_knots(&c->y, bins);
    spline_find(options, bins, (lanes *)operand[0], x_knots, y_knots, inverse, &c->at);
    spline_find_neighbours(bins, x_knots, y_knots, &c->at.bin, &c->x_beside, &c->y_beside);
}

/* The derivatives of the slopes at both ends of a bin, with respect to the sizes of the bins beside
 * it. */
typedef struct {
    wide_real low_a, low_b, high_a, high_b; /* widths (a) and heights (b) of the bins beside, over
                                             * those of this bin */
    cubic_end_by low, high;
} cubic_ends_by;

/* The width of a bin beside over that of this bin, limited to positive finite numbers: bins may
 * have width 0. */
static inline wide_real cubic_ratio(wide_real a)
{
    const wide_real least = 0x1p-100, most = 0x1p100;
    const wide_real raised = wide_select(a > least, a, least);
    return wide_select(raised < most, raised, most);
}

static inline __attribute__((always_inline)) void cubic_slopes_in(const cubic_lane_spline *c, int l,
                                                                  cubic_point *p, cubic_ends_by *by)
{
    const wide_real low_w = p->x0 - c->x_beside.below[l], high_w = c->x_beside.above[l] - p->x1;
    const wide_real low_h = p->y0 - c->y_beside.below[l], high_h = c->y_beside.above[l] - p->y1;
    const wide_real low_a = cubic_ratio(low_w * p->inverse_w);
    const wide_real high_a = cubic_ratio(high_w * p->inverse_w);
    const wide_real low_both = wide_mul_add(low_a, low_a, low_a);
    const wide_real high_both = wide_mul_add(high_a, high_a, high_a);
    const wide_real inverse = 1 / (p->h * (low_both * high_both));
    const int first = c->at.bin[l] == 0, last = c->at.bin[l] == (real)(c->bins - 1);
    cubic_end_by of_raw;
    const cubic_end outside =
        cubic_outer_slope(real_select(first, c->raw[0][l], c->raw[1][l]), &of_raw);
    p->low = cubic_inner_slope(low_a, low_h, p->h, high_both * inverse, &by->low);
    p->high = cubic_inner_slope(high_a, high_h, p->h, low_both * inverse, &by->high);
    cubic_choose_slope(first, &outside, of_raw.raw, &p->low, &by->low);
    cubic_choose_slope(last, &outside, of_raw.raw, &p->high, &by->high);
    p->inverse_h = low_both * high_both * inverse;
    by->low_a = low_a, by->low_b = low_h * p->inverse_h;
    by->high_a = high_a, by->high_b = high_h * p->inverse_h;
}

static inline __attribute__((always_inline)) cubic_point cubic_bin_in(const cubic_lane_spline *c,
                                                                      int l, cubic_ends_by *by)
{
    const spline_place *const at = &c->at;
    cubic_point p;
    p.x0 = at->x0[l], p.x1 = at->x1[l], p.y0 = at->y0[l], p.y1 = at->y1[l];
    p.w = p.x1 - p.x0;
    p.h = p.y1 - p.y0;
    p.inverse_w = 1 / p.w;
    p.s = p.h * p.inverse_w;
    cubic_slopes_in(c, l, &p, by);
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
    const wide_real t = cubic_root(wide_select(below, u, v), from, to);
    p.theta = wide_select(below, t, 1 - t);
    p.om = wide_select(below, 1 - t, t);
    return p;
}

#endif
