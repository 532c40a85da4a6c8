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

/* How many bins a walk goes at a time, with all that it keeps in registers. */
#if defined(__clang__)
enum { STEPS = 1, FEW_STEPS = 1 };
#define EACH_STEP(j, n) for (int j = 0; j < (n); j++)
#else
enum { STEPS = 6, FEW_STEPS = 2 };
#define EACH_STEP(j, n) _Pragma("GCC unroll 6") for (int j = 0; j < (n); j++)
#endif

/* Where a walk is: the point, or infinity if it is in the last bin; the knots at the lower end of
 * the next bin; and the bin of each point so far. */
typedef struct {
    wide_lanes point, x, y, bin;
} spline_steps;

/* The next n bins, from bin `first` on, where n and `inverse` are constants. */
static inline __attribute__((always_inline)) void
spline_some_steps(int n, int inverse, wide_real first, const spline_sizes *restrict xs,
                  const spline_sizes *restrict ys, const wide_lanes *restrict x_part,
                  const wide_lanes *restrict y_part, spline_steps *restrict next,
                  spline_place *restrict at)
{
    const wide_real x_least = xs->axis.least, y_least = ys->axis.least;
    EACH_LANE(l) {
        wide_real x = next->x[l], y = next->y[l], bin = next->bin[l];
        wide_real x0 = at->x0[l], x1 = at->x1[l], y0 = at->y0[l], y1 = at->y1[l];
        EACH_STEP(j, n) {
            const int above = next->point[l] >= (inverse ? y : x);
            x0 = above ? x : x0;
            y0 = above ? y : y0;
            x += wide_mul_add(xs->stretch[l], x_part[j][l], x_least);
            y += wide_mul_add(ys->stretch[l], y_part[j][l], y_least);
            x1 = above ? x : x1;
            y1 = above ? y : y1;
            bin = above ? first + j : bin;
        }
        next->x[l] = x, next->y[l] = y, next->bin[l] = bin;
        at->x0[l] = x0, at->x1[l] = x1, at->y0[l] = y0, at->y1[l] = y1;
    }
}

/* All bins between the first and the last one. */
static inline __attribute__((always_inline)) void
spline_steps_between(ptrdiff_t bins, int inverse, const spline_sizes *restrict xs,
                     const spline_sizes *restrict ys, spline_steps *restrict next,
                     spline_place *restrict at)
{
    ptrdiff_t i = 1;
    for (; i + STEPS < bins; i += STEPS)
        spline_some_steps(STEPS, inverse, (wide_real)i, xs, ys, xs->part + i, ys->part + i, next,
                          at);
    for (; i + FEW_STEPS < bins; i += FEW_STEPS)
        spline_some_steps(FEW_STEPS, inverse, (wide_real)i, xs, ys, xs->part + i, ys->part + i,
                          next, at);
    for (; i + 1 < bins; i++)
        spline_some_steps(1, inverse, (wide_real)i, xs, ys, xs->part + i, ys->part + i, next, at);
}

/* The first bin, in which every point is at first. */
static inline __attribute__((always_inline)) void
spline_first_bin(wide_real limit, const spline_sizes *restrict xs, const spline_sizes *restrict ys,
                 spline_steps *restrict next, spline_place *restrict at)
{
    const wide_real bound = xs->axis.bound, x_least = xs->axis.least, y_least = ys->axis.least;
    EACH_LANE(l) {
        const wide_real inside = at->inside[l];
        next->point[l] = inside >= limit ? (wide_real)INFINITY : inside;
        next->bin[l] = 0;
        at->x0[l] = at->y0[l] = -bound;
        at->x1[l] = next->x[l] = wide_mul_add(xs->stretch[l], xs->part[0][l], x_least) - bound;
        at->y1[l] = next->y[l] = wide_mul_add(ys->stretch[l], ys->part[0][l], y_least) - bound;
    }
}

/* The last bin, which has its own upper end. */
static inline __attribute__((always_inline)) void
spline_last_bin(ptrdiff_t bins, wide_real limit, const spline_sizes *restrict xs,
                const spline_sizes *restrict ys, int inverse, const spline_steps *restrict next,
                spline_place *restrict at)
{
    const wide_real last = (wide_real)(bins - 1);
    EACH_LANE(l) {
        const wide_real x = next->x[l], y = next->y[l];
        const int ends = next->point[l] >= (inverse ? y : x);
        const wide_real x0 = ends ? x : at->x0[l], x1 = at->x1[l];
        const wide_real y0 = ends ? y : at->y0[l], y1 = at->y1[l];
        at->x0[l] = limit < x0 ? limit : x0;
        at->y0[l] = limit < y0 ? limit : y0;
        at->x1[l] = ends ? xs->end[l] : limit < x1 ? limit : x1;
        at->y1[l] = ends ? ys->end[l] : limit < y1 ? limit : y1;
        at->bin[l] = (real)(ends ? last : next->bin[l]);
    }
}

/* The bin of each point, and the knots around it, for at least 2 bins. A bin of width 0 is skipped,
 * because the next one begins at the same knot. */
static __attribute__((noinline)) void spline_walk_lanes(ptrdiff_t bins, int inverse,
                                                        const spline_sizes *restrict xs,
                                                        const spline_sizes *restrict ys,
                                                        spline_place *restrict at)
{
    const wide_real limit = xs->axis.given ? (wide_real)INFINITY : xs->axis.bound * (1 - 0x1p-53);
    spline_steps next;
    spline_first_bin(limit, xs, ys, &next, at);
    if (inverse)
        spline_steps_between(bins, 1, xs, ys, &next, at);
    else
        spline_steps_between(bins, 0, xs, ys, &next, at);
    spline_last_bin(bins, limit, xs, ys, inverse, &next, at);
}

#endif
