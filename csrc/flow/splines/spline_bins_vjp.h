/* From gradients of the sizes of bins to gradients of the raw parameters.
 *
 * All bins below the point's bin have the same gradient a of their sizes, the point's bin has b,
 * and the bins above have 0. Let A, B and C be the shares of these three in F = A + B + C. Then the
 * gradients of the raw parameters, through the softmax, are
 *     share ((a - b) B + a C) / F,   share ((b - a) A + b C) / F,   -share (a A + b B) / F.
 * A part that is common to all bins cancels before it is rounded. If it cancelled after rounding, a
 * sharp spline's gradient would be lost in float.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_BINS_VJP_H
#define FG_FLOW_SPLINES_SPLINE_BINS_VJP_H

#include "flow/splines/spline_bins.h"

/* The gradients of the sizes of the bins below the point's bin, and of the point's bin. */
typedef struct {
    wide_lanes below, here;
} spline_by_size;

/* The factors of the shares of the bins below, here, and above. */
typedef struct {
    lanes below, here, above;
} spline_by_share;

static void spline_by_shares(const spline_axis *axis, ptrdiff_t bins, const lanes *restrict bin,
                             const wide_lanes *restrict low, const wide_lanes *restrict high,
                             const spline_by_size *restrict by, spline_by_share *restrict to)
{
    const wide_real least = axis->least, last = (wide_real)(bins - 1), inverse = 1 / axis->free;
    EACH_LANE(l) {
        const wide_real a = by->below[l], b = by->here[l], k = (wide_real)(*bin)[l];
        const wide_real below = ((*low)[l] + axis->bound - k * least) * inverse;
        const wide_real here = ((*high)[l] - (*low)[l] - least) * inverse;
        const wide_real above = (axis->bound - (*high)[l] - (last - k) * least) * inverse;
        to->below[l] = (real)wide_mul_add(a - b, here, a * above);
        to->here[l] = (real)wide_mul_add(b - a, below, b * above);
        to->above[l] = (real)-wide_mul_add(a, below, b * here);
    }
    if (axis->given)
        EACH_LANE(l) {
            to->below[l] = (real)by->below[l];
            to->here[l] = (real)by->here[l];
            to->above[l] = 0;
        }
}

/* For the bin between the knots low and high. The gradients are written over the shares. */
static void spline_sizes_vjp(const spline_bins *b, ptrdiff_t bins, const lanes *restrict bin,
                             const wide_lanes *low, const wide_lanes *high,
                             const spline_by_size *by)
{
    const real clip = (real)b->axis.clip;
    spline_by_share factor;
    spline_by_shares(&b->axis, bins, bin, low, high, by, &factor);
    for (ptrdiff_t i = 0; i < bins; i++) {
        EACH_LANE(l) {
            const real share = b->axis.given ? R(1.0) : b->shares[i][l];
            const real lower = real_select((*bin)[l] > (real)i, factor.below[l], factor.above[l]);
            b->shares[i][l] = share * real_select((*bin)[l] == (real)i, factor.here[l], lower);
        }
        if (clip > 0)
            EACH_LANE(l) {
                const real inverse = 1 / mul_add(real_abs(b->raw[i][l]), clip, R(1.0));
                b->shares[i][l] *= inverse * inverse;
            }
    }
}

#endif
