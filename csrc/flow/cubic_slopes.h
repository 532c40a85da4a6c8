/* The slopes of a cubic spline at the ends of a bin, as multiples of the bin's own.
 *
 * Between two bins, of slopes s and s' and widths w and w', the slope is the least of 2 s, 2 s' and
 * (w' s + w s') / (w + w'), that of a parabola through the three knots: what never overshoots. With
 * a = w' / w and b = h' / h, as a multiple of s: the least of 2, 2 b / a and (b / a + a) / (1 + a).
 * At the ends of the spline it is 3 sigmoid(u) of a raw parameter u.
 *
 * Source: Steffen (1990), A simple method for monotonic interpolation in one dimension.
 */
#ifndef FG_FLOW_CUBIC_SLOPES_H
#define FG_FLOW_CUBIC_SLOPES_H

#include "flow/cubic_spline.h"
#include "flow/spline_share.h"

/* No slope is less: its logarithm would be -inf, and its derivative none. */
#define CUBIC_LEAST_SLOPE PICK(0x1p-200, 0x1p-1000)

/* The derivatives of a slope: by a, by b, and by the raw parameter. */
typedef struct {
    wide_real width, height, raw;
} cubic_end_by;

static inline cubic_end cubic_inner_slope(wide_real a, wide_real b, cubic_end_by *by)
{
    const wide_real inverse_a = 1 / a, ratio = b * inverse_a, inverse = 1 / (1 + a);
    const wide_real mean = (ratio + a) * inverse;
    const int rises = ratio < 1;
    const wide_real limit = rises ? 2 * ratio : 2.0;
    const int smooth = mean < limit;
    const wide_real slope = smooth ? mean : limit;
    const cubic_end end = {slope, 3 - slope};
    const wide_real limit_by = wide_chosen(rises, 2 * inverse_a, 0.0);
    by->height = wide_chosen(smooth, inverse * inverse_a, limit_by);
    by->width = wide_chosen(smooth, (1 - mean - ratio * inverse_a) * inverse, -(limit_by * ratio));
    by->raw = 0;
    return end;
}

static inline cubic_end cubic_outer_slope(real raw, cubic_end_by *by)
{
    const wide_real lowest = PICK(-138.0, -690.0), u = (wide_real)raw, size = -__builtin_fabs(u);
    const wide_real e = exp2_of_share(LOG2_E * wide_chosen(lowest > size, lowest, size));
    const wide_real larger = 3 / (1 + e), smaller = e * larger;
    const cubic_end end = {wide_chosen(u < 0, smaller, larger),
                           wide_chosen(u < 0, larger, smaller)};
    by->height = by->width = 0;
    by->raw = larger * smaller * (1.0 / 3);
    return end;
}

/* At the end of the spline, or beside a bin that is a times as wide and b times as high. */
static inline __attribute__((always_inline)) cubic_end cubic_slope(int outer, real raw, wide_real a,
                                                                   wide_real b, cubic_end_by *by)
{
    cubic_end_by of_raw;
    const cubic_end inside = cubic_inner_slope(a, b, by), outside = cubic_outer_slope(raw, &of_raw);
    cubic_end end = {outer ? outside.slope : inside.slope, outer ? outside.rest : inside.rest};
    end.slope = wide_chosen(end.slope < CUBIC_LEAST_SLOPE, CUBIC_LEAST_SLOPE, end.slope);
    by->width = wide_chosen(outer, 0.0, by->width);
    by->height = wide_chosen(outer, 0.0, by->height);
    by->raw = wide_chosen(outer, of_raw.raw, 0.0);
    return end;
}

#endif
