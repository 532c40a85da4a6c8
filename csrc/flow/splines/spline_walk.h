/* The bin of each point, between knots of two axes, in one walk along the bins.
 *
 * A knot is the sum of the sizes below it. The walk sums the sizes of both axes, and keeps the
 * knots around the point. No other knot is stored. The first knot is -bound, and the last one is
 * exactly the bound. All others are below it, so that the end is never in a bin of width 0.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_WALK_H
#define FG_FLOW_SPLINES_SPLINE_WALK_H

#include "flow/splines/spline_bins.h"
#include "flow/splines/spline_place.h"

/* One axis: the parts of its bins, their factor to sizes less the least size, and the last knot. */
typedef struct {
    spline_axis axis;
    const lanes *raw;
    wide_lanes *part;
    wide_lanes stretch, end;
} spline_sizes;

/* Makes the parts of raw sizes. */
static void spline_make_sizes(spline_sizes *s, ptrdiff_t bins)
{
    const wide_real bound = s->axis.bound;
    spline_parts(&s->axis, s->raw, bins, s->part, &s->stretch);
    EACH_LANE(l)
        s->end[l] = s->stretch[l] == s->stretch[l] ? bound : s->stretch[l];
    if (!s->axis.given)
        return;
    EACH_LANE(l)
        s->end[l] = -bound;
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
            s->end[l] += s->part[i][l];
}

/* Where a walk is: the knots at the lower end of the next bin, and the bin of each point so far. */
typedef struct {
    wide_lanes x, y, bin;
} spline_steps;

/* The next n bins, from bin `first` on, where n and `inverse` are constants. */
static inline __attribute__((always_inline)) void
spline_some_steps(int n, int inverse, wide_real first, const spline_sizes *restrict xs,
                  const spline_sizes *restrict ys, const wide_lanes *restrict x_part,
                  const wide_lanes *restrict y_part, spline_steps *restrict at_knot,
                  spline_place *restrict at)
{
    const wide_real limit = xs->axis.given ? (wide_real)INFINITY : xs->axis.bound * (1 - 0x1p-53);
    const wide_real x_least = xs->axis.least, y_least = ys->axis.least;
    EACH_LANE(l) {
        wide_real x = at_knot->x[l], y = at_knot->y[l], bin = at_knot->bin[l];
        wide_real x0 = at->x0[l], x1 = at->x1[l], y0 = at->y0[l], y1 = at->y1[l];
        EACH_SHARE(j, n) {
            const wide_real knot = inverse ? y : x, low = limit < knot ? limit : knot;
            const int above = at->inside[l] >= low;
            x0 = wide_select(above, x, x0);
            y0 = wide_select(above, y, y0);
            x += wide_mul_add(xs->stretch[l], x_part[j][l], x_least);
            y += wide_mul_add(ys->stretch[l], y_part[j][l], y_least);
            x1 = wide_select(above, x, x1);
            y1 = wide_select(above, y, y1);
            bin = wide_select(above, first + j, bin);
        }
        at_knot->x[l] = x, at_knot->y[l] = y, at_knot->bin[l] = bin;
        at->x0[l] = x0, at->x1[l] = x1, at->y0[l] = y0, at->y1[l] = y1;
    }
}

static inline __attribute__((always_inline)) void
spline_steps_to_bins(ptrdiff_t bins, int inverse, const spline_sizes *restrict xs,
                     const spline_sizes *restrict ys, spline_steps *restrict at_knot,
                     spline_place *restrict at)
{
    ptrdiff_t i = 0;
    for (; i + SHARES <= bins; i += SHARES)
        spline_some_steps(SHARES, inverse, (wide_real)i, xs, ys, xs->part + i, ys->part + i,
                          at_knot, at);
    for (; i < bins; i++)
        spline_some_steps(1, inverse, (wide_real)i, xs, ys, xs->part + i, ys->part + i, at_knot,
                          at);
}

/* The bin of each point, and the knots around it. A bin of width 0 is skipped, because the next one
 * begins at the same knot. */
static __attribute__((noinline)) void spline_walk_lanes(ptrdiff_t bins, int inverse,
                                                        const spline_sizes *restrict xs,
                                                        const spline_sizes *restrict ys,
                                                        spline_place *restrict at)
{
    const wide_real bound = xs->axis.bound, last = (wide_real)(bins - 1);
    const wide_real limit = xs->axis.given ? (wide_real)INFINITY : bound * (1 - 0x1p-53);
    spline_steps at_knot;
    EACH_LANE(l) {
        at_knot.bin[l] = 0;
        at->x0[l] = at->y0[l] = at_knot.x[l] = at_knot.y[l] = -bound;
        at->x1[l] = xs->end[l], at->y1[l] = ys->end[l]; /* NaN, if a size is NaN */
    }
    if (inverse)
        spline_steps_to_bins(bins, 1, xs, ys, &at_knot, at);
    else
        spline_steps_to_bins(bins, 0, xs, ys, &at_knot, at);
    EACH_LANE(l) {
        const int ends = at_knot.bin[l] == last;
        const wide_real x1 = limit < at->x1[l] ? limit : at->x1[l];
        const wide_real y1 = limit < at->y1[l] ? limit : at->y1[l];
        at->x0[l] = limit < at->x0[l] ? limit : at->x0[l];
        at->y0[l] = limit < at->y0[l] ? limit : at->y0[l];
        at->x1[l] = wide_select(ends, xs->end[l], x1);
        at->y1[l] = wide_select(ends, ys->end[l], y1);
        at->bin[l] = (real)at_knot.bin[l];
    }
}

#endif
