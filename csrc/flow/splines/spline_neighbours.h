/* The bins beside the bin of a point: their outer knots, and from gradients of the sizes of the
 * three bins to gradients of the raw parameters.
 *
 * As in spline_bins_vjp.h, the bins below have the gradient a. The bin just before the point's bin
 * has a + p, the point's bin b, the bin after it n, and those above 0. With their shares A, P, B, N
 * and C, the gradient of a raw parameter, for a size of gradient g, is share ((g - a) A + (g - a -
 * p) P + ...). A part that is common to all bins cancels before it is rounded.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_NEIGHBOURS_H
#define FG_FLOW_SPLINES_SPLINE_NEIGHBOURS_H

#include "flow/splines/spline_bins.h"

/* The knots below and above those of the bin. If there is none, the knot of the bin. */
typedef struct {
    wide_lanes below, above;
} spline_neighbours;

static void spline_find_neighbours(ptrdiff_t bins, const wide_lanes *x_knots,
                                   const wide_lanes *y_knots, const lanes *restrict bin,
                                   spline_neighbours *restrict x, spline_neighbours *restrict y)
{
    EACH_LANE(l) {
        x->below[l] = x_knots[0][l], x->above[l] = x_knots[2][l];
        y->below[l] = y_knots[0][l], y->above[l] = y_knots[2][l];
    }
    for (ptrdiff_t i = 1; i < bins; i++) {
        const ptrdiff_t next = i + 2 < bins ? i + 2 : bins;
        EACH_LANE(l) {
            const int reached = (*bin)[l] >= (real)i;
            x->below[l] = wide_select(reached, x_knots[i - 1][l], x->below[l]);
            x->above[l] = wide_select(reached, x_knots[next][l], x->above[l]);
            y->below[l] = wide_select(reached, y_knots[i - 1][l], y->below[l]);
            y->above[l] = wide_select(reached, y_knots[next][l], y->above[l]);
        }
    }
}

/* The gradients of the sizes of the bins below; the addition p for the bin before; those of the
 * point's bin and of the bin after it. */
typedef struct {
    wide_lanes below, before, here, after;
} spline_by_sizes_near;

/* The factors of the shares of these bins, and of the bins above. */
typedef struct {
    lanes below, before, here, after, above;
} spline_by_shares_near;

/* For a bin between the knots low and high. */
static void spline_near_by_shares(const spline_axis *axis, ptrdiff_t bins,
                                  const lanes *restrict bin, const wide_lanes *restrict low,
                                  const wide_lanes *restrict high,
                                  const spline_neighbours *restrict beside,
                                  const spline_by_sizes_near *restrict by,
                                  spline_by_shares_near *restrict to)
{
    const wide_real least = axis->least, last = (wide_real)(bins - 1), inverse = 1 / axis->free;
    EACH_LANE(l) {
        const wide_real k = (wide_real)(*bin)[l];
        const int first_bin = k == 0, last_bin = k == last;
        const wide_real lower = beside->below[l], upper = beside->above[l];
        const wide_real under = (lower + axis->bound - (k - 1) * least) * inverse;
        const wide_real beneath = ((*low)[l] - lower - least) * inverse;
        const wide_real here = ((*high)[l] - (*low)[l] - least) * inverse;
        const wide_real beyond = (upper - (*high)[l] - least) * inverse;
        const wide_real over = (axis->bound - upper - (last - 1 - k) * least) * inverse;
        const wide_real below = first_bin ? 0.0 : under, before = first_bin ? 0.0 : beneath;
        const wide_real after = last_bin ? 0.0 : beyond, above = last_bin ? 0.0 : over;
        const wide_real a = by->below[l], p = by->before[l], b = by->here[l], n = by->after[l];
        const wide_real ab = a - b, pb = ab + p, an = a - n, pn = an + p, bn = b - n, ap = a + p;
        to->below[l] = (real)(ab * here + an * after + a * above - p * before);
        to->before[l] = (real)(p * below + pb * here + pn * after + ap * above);
        to->here[l] = (real)(bn * after + b * above - ab * below - pb * before);
        to->after[l] = (real)(n * above - an * below - pn * before - bn * here);
        to->above[l] = (real) - (a * below + ap * before + b * here + n * after);
    }
}

/* The gradients are written over the shares. */
static void spline_near_sizes_vjp(const spline_bins *b, ptrdiff_t bins, const lanes *restrict bin,
                                  const wide_lanes *low, const wide_lanes *high,
                                  const spline_neighbours *beside, const spline_by_sizes_near *by)
{
    spline_by_shares_near factor;
    spline_near_by_shares(&b->axis, bins, bin, low, high, beside, by, &factor);
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l) {
            const real from = (real)i - (*bin)[l]; /* the distance from the point's bin, in bins */
            real by_share = real_select(from > 0, factor.above[l], factor.below[l]);
            by_share = real_select(from == R(-1.0), factor.before[l], by_share);
            by_share = real_select(from == R(0.0), factor.here[l], by_share);
            by_share = real_select(from == R(1.0), factor.after[l], by_share);
            b->shares[i][l] *= by_share;
        }
}

#endif
