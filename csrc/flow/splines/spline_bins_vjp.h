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

#include "flow/splines/spline_walk.h"

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

/* The gradients of the raw sizes, of which a bin without a part has none: the share of each bin
 * times the factor for its side of the point's bin, times the derivative of the soft limit. */
static inline __attribute__((always_inline)) void
spline_shares_vjp(ptrdiff_t bins, int soft, real clip, const lanes *restrict raw,
                  const wide_lanes *restrict part, const lanes *restrict bin,
                  const spline_by_share *restrict factor, lanes *restrict d_raw)
{
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l) {
            const real here = (*bin)[l], number = (real)i;
            const real_bits above = number > here ? ~(real_bits)0 : 0;
            const real_bits same = number == here ? ~(real_bits)0 : 0;
            const real side = real_select_by(above, factor->above[l], factor->below[l]);
            const real by = (real)part[i][l] * real_select_by(same, factor->here[l], side);
            const real inverse = soft ? 1 / mul_add(real_abs(raw[i][l]), clip, R(1.0)) : 1;
            d_raw[i][l] = soft ? by * (inverse * inverse) : by;
        }
}

/* For the bin between the knots low and high. */
static __attribute__((noinline)) void
spline_sizes_vjp_lanes(const spline_sizes *restrict s, ptrdiff_t bins, const lanes *restrict bin,
                       const wide_lanes *restrict low, const wide_lanes *restrict high,
                       const spline_by_size *restrict by, lanes *restrict d_raw)
{
    const real clip = (real)s->axis.clip;
    spline_by_share factor;
    spline_by_shares(&s->axis, bins, bin, low, high, by, &factor);
    if (s->axis.given) {
        for (ptrdiff_t i = 0; i < bins; i++)
            EACH_LANE(l) {
                const real side = (real)i > (*bin)[l] ? R(0.0) : factor.below[l];
                const real_bits same = (real)i == (*bin)[l] ? ~(real_bits)0 : 0;
                d_raw[i][l] = real_select_by(same, factor.here[l], side);
            }
        return;
    }
    EACH_LANE(l) {
        factor.below[l] *= (real)s->stretch[l];
        factor.here[l] *= (real)s->stretch[l];
        factor.above[l] *= (real)s->stretch[l];
    }
    if (clip > 0)
        spline_shares_vjp(bins, 1, clip, s->raw, s->part, bin, &factor, d_raw);
    else
        spline_shares_vjp(bins, 0, clip, s->raw, s->part, bin, &factor, d_raw);
}

#endif
