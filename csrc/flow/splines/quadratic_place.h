/* The position of a point in a quadratic spline: its bin, and the knots and densities at both ends.
 */
#ifndef FG_FLOW_SPLINES_QUADRATIC_PLACE_H
#define FG_FLOW_SPLINES_QUADRATIC_PLACE_H

#include "flow/splines/quadratic_densities.h"
#include "flow/splines/spline_bins.h"
#include "flow/splines/spline_place.h"

/* The position of a point, and the excesses at both ends of its bin. */
typedef struct {
    spline_place at;
    wide_lanes e0, e1;
} quadratic_place;

/* The height of a knot, from that of the knot before it. */
static inline wide_real quadratic_knot(const quadratic_densities *d, wide_real y, wide_real e0,
                                       wide_real e1, wide_real x0, wide_real x1)
{
    const wide_real limit = d->bound * (1 - 0x1p-53);
    const wide_real knot = wide_mul_add(wide_mul_add(0.5, e0 + e1, d->least), x1 - x0, y);
    return limit < knot ? limit : knot;
}

/* The search of spline_search. It sums the knots of y as it goes, because nothing else needs them.
 */
static void quadratic_search(const quadratic_densities *d, int inverse,
                             quadratic_place *restrict place)
{
    const wide_lanes *const knots = d->knots, *const excess = d->excess;
    const real last = (real)(d->bins - 1);
    spline_place *const at = &place->at;
    wide_lanes y;
    EACH_LANE(l) {
        at->bin[l] = 0;
        at->y0[l] = y[l] = -d->bound;
        at->x0[l] = knots[0][l], at->x1[l] = knots[1][l];
        place->e0[l] = excess[0][l], place->e1[l] = excess[1][l];
    }
    for (ptrdiff_t i = 1; i < d->bins; i++)
        EACH_LANE(l) {
            y[l] = quadratic_knot(d, y[l], excess[i - 1][l], excess[i][l], knots[i - 1][l],
                                  knots[i][l]);
            const int above = at->inside[l] >= (inverse ? y[l] : knots[i][l]);
            at->bin[l] += above ? R(1.0) : R(0.0);
            at->y0[l] = wide_select(above, y[l], at->y0[l]);
            at->x0[l] = wide_select(above, knots[i][l], at->x0[l]);
            at->x1[l] = wide_select(above, knots[i + 1][l], at->x1[l]);
            place->e0[l] = wide_select(above, excess[i][l], place->e0[l]);
            place->e1[l] = wide_select(above, excess[i + 1][l], place->e1[l]);
        }
    EACH_LANE(l) {
        const wide_real end =
            quadratic_knot(d, at->y0[l], place->e0[l], place->e1[l], at->x0[l], at->x1[l]);
        at->y1[l] = ((at->bin[l] == last) & (end == end)) ? d->bound : end;
    }
}

static void quadratic_find(const double *options, const spline_bins *b,
                           const quadratic_densities *d, const lanes *x, int inverse,
                           wide_lanes *rate, quadratic_place *place)
{
    spline_knots(b, d->bins);
    quadratic_excesses(d, rate);
    spline_reduce(options, &d->knots[d->bins], x, &place->at);
    quadratic_search(d, inverse, place);
}

#endif
