/* The position of a point: its bin, or its distance outside of the bins; and the spline outside. */
#ifndef FG_FLOW_SPLINES_SPLINE_PLACE_H
#define FG_FLOW_SPLINES_SPLINE_PLACE_H

#include "elementary/log.h"
#include "flow/splines/spline_options.h"

/* The position of the point in each lane. `shift` is subtracted for circular tails. `beyond` is the
 * distance outside of the bins. The number of the bin is a real, so that masks made of it are as
 * wide as the numbers that they select. */
typedef struct {
    wide_lanes inside, beyond, shift, x0, x1, y0, y1;
    lanes bin;
} spline_place;

static void spline_reduce(const double *options, const wide_lanes *restrict end,
                          const lanes *restrict x, spline_place *restrict at)
{
    const wide_real period = 2 * options[SPLINE_BOUND];
    const wide_real turns = (int)options[SPLINE_TAILS] == SPLINE_CIRCULAR ? 1 / period : 0.0;
    EACH_LANE(l) {
        const wide_real shifter = 0x1.8p52;
        const wide_real rounded = wide_mul_add((wide_real)(*x)[l], turns, shifter) - shifter;
        at->shift[l] = turns > 0 ? rounded * period : 0.0;
        const wide_real reduced = (wide_real)(*x)[l] - at->shift[l];
        const wide_real low = -options[SPLINE_BOUND], high = (*end)[l];
        const wide_real raised = low > reduced ? low : reduced;
        at->inside[l] = high < raised ? high : raised;
        const wide_real beyond = reduced - at->inside[l];
        at->beyond[l] = beyond == beyond ? beyond : 0.0; /* NaN counts as within a bin, and stays
                                                          * NaN */
    }
}

/* The last bin whose left knot is <= x. A bin of width 0 is skipped, because the next one begins at
 * the same x. To go through all knots is as fast as a search for the bin. */
static void spline_search(ptrdiff_t bins, const wide_lanes *knots, const wide_lanes *x_knots,
                          const wide_lanes *y_knots, spline_place *restrict at)
{
    EACH_LANE(l) {
        at->bin[l] = 0;
        at->x0[l] = x_knots[0][l], at->x1[l] = x_knots[1][l];
        at->y0[l] = y_knots[0][l], at->y1[l] = y_knots[1][l];
    }
    for (ptrdiff_t i = 1; i < bins; i++)
        EACH_LANE(l) {
            const int above = at->inside[l] >= knots[i][l];
            at->bin[l] += above ? R(1.0) : R(0.0);
            at->x0[l] = wide_select(above, x_knots[i][l], at->x0[l]);
            at->x1[l] = wide_select(above, x_knots[i + 1][l], at->x1[l]);
            at->y0[l] = wide_select(above, y_knots[i][l], at->y0[l]);
            at->y1[l] = wide_select(above, y_knots[i + 1][l], at->y1[l]);
        }
}

static void spline_find(const double *options, ptrdiff_t bins, const lanes *x,
                        const wide_lanes *x_knots, const wide_lanes *y_knots, int inverse,
                        spline_place *at)
{
    const wide_lanes *const knots = inverse ? y_knots : x_knots;
    spline_reduce(options, &knots[bins], x, at);
    spline_search(bins, knots, x_knots, y_knots, at);
}

/* The line beyond an end: end + step, or end + step / slope. It is exactly x if the slope is 1 and
 * the end is the same in x and y. */
static inline wide_real spline_beyond(wide_real inside, wide_real beyond, wide_real end,
                                      wide_real rate)
{
    const wide_real more = rate == 1.0 ? 0.0 : beyond * (rate - 1.0);
    return (inside + beyond) + (more + (end - inside));
}

/* log(x), also for x outside the range of float, as the square of a slope between very unequal
 * bins. */
static inline real log_of_slope(wide_real x)
{
#if FG_REAL_BITS == 32
    const int low = x < 0x1p-100, high = x > 0x1p100;
    const real log = real_log((real)(x * (low ? 0x1p100 : high ? 0x1p-100 : 1.0)));
    return log + (low ? -0x1.154246p6f : high ? 0x1.154246p6f : 0.0f); /* 100 ln 2 */
#else
    return real_log(x);
#endif
}

#endif
