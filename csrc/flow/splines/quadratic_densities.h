/* The densities of a quadratic spline at its K + 1 knots, of mean 1. They come from K + 1 raw
 * heights, or from the K - 1 inner ones; the density is then 1 at both ends.
 *
 * A density is `least` plus an excess. The two are kept apart, because the gradient needs the
 * excess alone. The excess is (1 - least) s / c with s = softplus(u) + 1/1000. For K + 1 heights, c
 * is the mean of the line through all s. For K - 1 heights, c is the integral of the line through
 * the inner s and 0 at the ends, over 2 bound less half of the widths of both end bins. Then the
 * density at the ends is 1.
 */
#ifndef FG_FLOW_SPLINES_QUADRATIC_DENSITIES_H
#define FG_FLOW_SPLINES_QUADRATIC_DENSITIES_H

#include "flow/splines/spline_options.h"
#include "flow/splines/spline_slopes.h"
#include "flow/splines/spline_softplus.h"

/* Raw heights, and the densities made of them. If by_raw is not NULL, it gets the derivatives of s.
 */
typedef struct {
    ptrdiff_t bins, given;
    wide_real bound, least;
    const lanes *raw;
    lanes *by_raw;
    const wide_lanes *knots;
    wide_lanes *excess;
} quadratic_densities;

/* The least density. It is never 0, so that the square of a density does not underflow. */
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

/* The excesses, and `rate`, the factor from s to an excess. */
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
        const wide_real nan_or_0 = twice[l] - twice[l]; /* an infinite sum gives NaN, and not a
                                                         * quotient of 0 */
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
