/* Where a point lies: its bin, and what is outside of the bins; and how a spline goes on there. */
#ifndef FG_FLOW_SPLINE_PLACE_H
#define FG_FLOW_SPLINE_PLACE_H

#include "elementary/log.h"
#include "flow/splines/spline_options.h"

/* What is known of the point in each lane. `shift` is what circular tails take off, `beyond` how
 * far it lies outside of the bins. The number of its bin is a real: then masks of it are as
 * wide_real as what they select. */
typedef struct {
    wide_lanes inside, beyond, shift, x0, x1, y0, y1;
    lanes bin;
} spline_place;

static void spline_reduce(const double *options, ptrdiff_t bins, const wide_lanes *knots,
                          const lanes *restrict x, spline_place *restrict at)
{
    const wide_real period = 2 * options[SPLINE_BOUND];
    const wide_real turns = (int)options[SPLINE_TAILS] == SPLINE_CIRCULAR ? 1 / period : 0.0;
    EACH_LANE(l)
    {
        const wide_real shifter = 0x1.8p52;
        const wide_real rounded = wide_mul_add((wide_real)(*x)[l], turns, shifter) - shifter;
        at->shift[l] = turns > 0 ? rounded * period : 0.0;
        const wide_real reduced = (wide_real)(*x)[l] - at->shift[l];
        const wide_real low = knots[0][l], high = knots[bins][l];
        const wide_real raised = low > reduced ? low : reduced;
        at->inside[l] = high < raised ? high : raised;
        const wide_real beyond = reduced - at->inside[l];
        at->beyond[l] = beyond == beyond ? beyond : 0.0; /* NaN is in a bin, and stays NaN */
    }
}

/* The last bin that does not begin above the point: one of no width holds none. Whatever the knots
 * are, going through them all is as fast as reading those of the bin would be. */
static void spline_search(ptrdiff_t bins, const wide_lanes *knots, const wide_lanes *x_knots,
                          const wide_lanes *y_knots, spline_place *restrict at)
{
    EACH_LANE(l)
    {
        at->bin[l] = 0;
        at->x0[l] = x_knots[0][l], at->x1[l] = x_knots[1][l];
        at->y0[l] = y_knots[0][l], at->y1[l] = y_knots[1][l];
    }
    for (ptrdiff_t i = 1; i < bins; i++)
        EACH_LANE(l)
        {
            const int above = at->inside[l] >= knots[i][l];
            at->bin[l] += above ? R(1.0) : R(0.0);
            at->x0[l] = wide_chosen(above, x_knots[i][l], at->x0[l]);
            at->x1[l] = wide_chosen(above, x_knots[i + 1][l], at->x1[l]);
            at->y0[l] = wide_chosen(above, y_knots[i][l], at->y0[l]);
            at->y1[l] = wide_chosen(above, y_knots[i + 1][l], at->y1[l]);
        }
}

static void spline_find(const double *options, ptrdiff_t bins, const lanes *x,
                        const wide_lanes *x_knots, const wide_lanes *y_knots, int inverse,
                        spline_place *at)
{
    const wide_lanes *const knots = inverse ? y_knots : x_knots;
    spline_reduce(options, bins, knots, x, at);
    spline_search(bins, knots, x_knots, y_knots, at);
}

/* Where the line of an end goes on: (end + step, or end + step / slope), exactly x for a slope of 1
 * and an end that is the same in x and y. */
static inline wide_real spline_beyond(wide_real inside, wide_real beyond, wide_real end,
                                      wide_real rate)
{
    const wide_real more = rate == 1.0 ? 0.0 : beyond * (rate - 1.0);
    return (inside + beyond) + (more + (end - inside));
}

/* log(x), also of what float has no room for: the square of a slope between bins of extreme shares.
 */
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
