/* The densities of a quadratic spline at its K + 1 knots, of mean 1: from raw heights of all of
 * them, or of the K - 1 inner ones, and then the density is 1 at both ends.
 *
 * A density is `least` and an excess, which are kept apart: the gradient knows the excess only. The
 * excess is (1 - least) s / c of s = softplus(u) + 1/1000, where c is the mean of the line through
 * all s; or, so that it is also s at both ends, the integral of the line through the inner s and 0
 * at the ends, over 2 bound less half of the widths of both end bins.
 */
#ifndef FG_FLOW_SPLINES_QUADRATIC_DENSITIES_H
#define FG_FLOW_SPLINES_QUADRATIC_DENSITIES_H

#include "flow/splines/spline_options.h"
#include "flow/splines/spline_slopes.h"
#include "flow/splines/spline_softplus.h"

/* Raw heights, and what is made of them; `by_raw`, if wanted, are the derivatives of s. */
typedef struct {
    ptrdiff_t bins, given;
    wide_real bound, least;
    const lanes *raw;
    lanes *by_raw;
    const wide_lanes *knots;
    wide_lanes *excess;
} quadratic_densities;

/* A least density of 0 is still a number: no square of one is below the normal range. */
static inline wide_real quadratic_least(const double *options)
{
    const wide_real least = options[SPLINE_MIN_HEIGHT];
    return least > 0x1p-400 ? least : 0x1p-400;
}

static void quadratic_heights(const quadratic_densities *d)
{
    const ptrdiff_t first = first_knot(d->bins, d->given);
    wide_lanes *const heights = d->excess;
    EACH_LANE(l)
        heights[0][l] = heights[d->bins][l] = 0;
    for (ptrdiff_t i = 0; i < d->given; i++)
        if (d->by_raw == NULL)
            EACH_LANE(l) {
                wide_real by_u;
                heights[first + i][l] = wide_softplus((wide_real)d->raw[i][l], &by_u) + 1e-3;
            }
        else
            EACH_LANE(l) {
                wide_real by_u;
                heights[first + i][l] = wide_softplus((wide_real)d->raw[i][l], &by_u) + 1e-3;
                d->by_raw[i][l] = (real)by_u;
            }
}

/* Each excess; and by what a height is multiplied. */
static void quadratic_excesses(const quadratic_densities *d, wide_lanes *restrict rate)
{
    const ptrdiff_t bins = d->bins;
    const int open = d->given > bins;
    const wide_lanes *const knots = d->knots;
    wide_lanes *const excess = d->excess, twice;
    quadratic_heights(d);
    EACH_LANE(l)
        twice[l] = 0;
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
            twice[l] = wide_mul_add(excess[i][l] + excess[i + 1][l], knots[i + 1][l] - knots[i][l],
                                    twice[l]);
    EACH_LANE(l) {
        const wide_real ends = knots[1][l] - knots[0][l] + (knots[bins][l] - knots[bins - 1][l]);
        const wide_real nan_or_0 = twice[l] - twice[l]; /* an infinite sum is not divided by */
        const wide_real area = 4 * d->bound - (open ? 0.0 : ends);
        (*rate)[l] = (1 - d->least) * area / twice[l] + nan_or_0;
    }
    for (ptrdiff_t i = 0; i <= bins; i++)
        EACH_LANE(l)
            excess[i][l] *= (*rate)[l];
    if (!open)
        EACH_LANE(l)
            excess[0][l] = excess[bins][l] = 1 - d->least;
}

#endif
