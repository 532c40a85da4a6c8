/* The slopes of a cubic spline at the ends of a bin, as multiples of the bin's own slope.
 *
 * Between two bins of slopes s, s' and widths w, w', the slope is the least of 2 s, 2 s' and (w' s
 * + w s') / (w + w'), the slope of a parabola through the three knots. So the spline never
 * overshoots. With a = w' / w and b = h' / h, as a multiple of s: the least of 2, 2 b / a and (b /
 * a + a) / (1 + a). One division, by the product of all divisors, serves both ends of a bin. At the
 * ends of the spline the slope is 3 sigmoid(u) of a raw parameter u.
 *
 * Source: Steffen (1990), A simple method for monotonic interpolation in one dimension.
 */
#ifndef FG_FLOW_SPLINES_CUBIC_SLOPES_H
#define FG_FLOW_SPLINES_CUBIC_SLOPES_H

#include "flow/splines/cubic_spline.h"
#include "flow/splines/spline_share.h"

/* The smallest slope. With a slope of 0, the logarithm would be -inf and have no derivative. */
#define CUBIC_LEAST_SLOPE PICK(0x1p-200, 0x1p-1000)

/* The derivatives of a slope with respect to a, b, and the raw parameter. */
typedef struct {
    wide_real width, height, raw;
} cubic_end_by;

/* `a` is the width of the bin beside over that of this bin, and `beside` its height. per_height is
 * 1 / (a (1 + a) h) for this bin's height h. */
static inline cubic_end cubic_inner_slope(wide_real a, wide_real beside, wide_real h,
                                          wide_real per_height, cubic_end_by *by)
{
    const wide_real ratio = beside * (1 + a) * per_height;
    const wide_real mean = wide_mul_add(h * a, a, beside) * per_height;
    const int rises = ratio < 1;
    const wide_real limit = 2 * wide_select(rises, ratio, 1.0), per_both = h * per_height;
    const int smooth = mean < limit;
    const wide_real slope = wide_select(smooth, mean, limit), per_a = (1 + a) * per_both;
    const cubic_end end = {slope, 3 - slope};
    const wide_real limit_by = wide_select(rises, 2 * per_a, 0.0);
    const wide_real mean_by = (1 - mean - ratio * per_a) * (a * per_both);
    by->height = wide_select(smooth, per_both, limit_by);
    by->width = wide_select(smooth, mean_by, -(limit_by * ratio));
    by->raw = 0;
    return end;
}

static inline cubic_end cubic_outer_slope(real raw, cubic_end_by *by)
{
    const wide_real lowest = PICK(-138.0, -690.0), u = (wide_real)raw, size = -wide_abs(u);
    const wide_real e = exp2_of_share(LOG2_E * wide_select(lowest > size, lowest, size));
    const wide_real larger = 3 / (1 + e), smaller = e * larger;
    const cubic_end end = {wide_select(u < 0, smaller, larger),
                           wide_select(u < 0, larger, smaller)};
    by->height = by->width = 0;
    by->raw = larger * smaller * (1.0 / 3);
    return end;
}

/* Replaces the slope by that of the end of the spline, if this is an end of the spline. */
static inline void cubic_choose_slope(int outer, const cubic_end *outside, wide_real by_raw,
                                      cubic_end *end, cubic_end_by *by)
{
    const wide_real slope = wide_select(outer, outside->slope, end->slope);
    end->slope = wide_select(slope < CUBIC_LEAST_SLOPE, CUBIC_LEAST_SLOPE, slope);
    end->rest = wide_select(outer, outside->rest, end->rest);
    by->width = wide_select(outer, 0.0, by->width);
    by->height = wide_select(outer, 0.0, by->height);
    by->raw = wide_select(outer, by_raw, 0.0);
}

#endif
