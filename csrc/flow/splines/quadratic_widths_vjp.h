/* From the cotangents of quadratic_gradient.h to the gradients of the raw widths. */
#ifndef FG_FLOW_SPLINES_QUADRATIC_WIDTHS_VJP_H
#define FG_FLOW_SPLINES_QUADRATIC_WIDTHS_VJP_H

#include "flow/splines/quadratic_gradient.h"

/* The gradients of the raw widths, written over the shares. by_width is scratch: the gradients
 * before their mean is subtracted. */
static void quadratic_widths_vjp(const spline_bins *b, const quadratic_densities *d,
                                 const quadratic_place *restrict place,
                                 const quadratic_cotangents *restrict c,
                                 wide_lanes *restrict by_width)
{
    const wide_real inverse_free = 1 / b->axis.free, least = b->axis.least;
    wide_lanes mean, moved, here;
    EACH_LANE(l) {
        const wide_real rise = place->e1[l] - place->e0[l], t = c->theta[l];
        const wide_real r = wide_mul_add(place->e1[l], t, place->e0[l] * c->om[l]);
        const wide_real steeper = c->by_density[l] * rise / c->w[l];
        const int inside = place->at.beyond[l] == 0;
        moved[l] = wide_select(inside, wide_mul_add(c->by_y[l], r, steeper), 0.0);
        const wide_real turned = t * wide_mul_add(0.5 * c->by_y[l], rise * t, steeper);
        here[l] = wide_select(inside, turned, 0.0);
        mean[l] = 0;
    }
    for (ptrdiff_t i = 0; i < d->bins; i++)
        EACH_LANE(l) {
            const wide_real number = (wide_real)i, bin = c->bin[l];
            const wide_real excess = 0.5 * (d->excess[i][l] + d->excess[i + 1][l]);
            const wide_real share = (d->knots[i + 1][l] - d->knots[i][l] - least) * inverse_free;
            const int under = number < bin;
            const wide_real side = wide_select(under, c->below[l], -c->above[l]);
            const wide_real rest = wide_select(number == bin, here[l], 0.0);
            const wide_real by = wide_mul_add(excess, side, -wide_select(under, moved[l], rest));
            mean[l] = wide_mul_add(share, by, mean[l]);
            by_width[i][l] = by;
        }
    for (ptrdiff_t i = 0; i < d->bins; i++)
        EACH_LANE(l)
            b->shares[i][l] *= (real)(by_width[i][l] - mean[l]);
}

#endif
