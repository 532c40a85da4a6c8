/* The kernels of the linear spline: bins, search, formula. */
#ifndef FG_FLOW_SPLINES_LINEAR_LANES_H
#define FG_FLOW_SPLINES_LINEAR_LANES_H

#include "flow/splines/linear_spline.h"

static void linear_values(const spline_place *restrict at, const linear_heights *restrict heights,
                          wide_real rate, int inverse, const lanes *restrict x, lanes *restrict y,
                          lanes *restrict log_slope)
{
    EACH_LANE(l) {
        const wide_real to = inverse ? at->x0[l] : at->y0[l],
                        from = inverse ? at->y0[l] : at->x0[l];
        const wide_real to_end = inverse ? at->x1[l] : at->y1[l];
        const wide_real from_end = inverse ? at->y1[l] : at->x1[l];
        const wide_real risen = at->inside[l] - from, left = from_end - at->inside[l];
        const wide_real slope = (to_end - to) / (from_end - from);
        const int low = risen < left, outside = at->beyond[l] != 0;
        const wide_real within = wide_mul_add(slope, low ? risen : -left, low ? to : to_end);
        (*y)[l] = (real)wide_select(outside, (wide_real)(*x)[l], within);
    }
    EACH_LANE(l) {
        const real share = real_log((real)(heights->stretch[l] * rate));
        const wide_real below = (wide_real)heights->here[l] - (wide_real)heights->largest[l];
        const wide_real log = below + (wide_real)share;
        const wide_real within = at->inside[l] == at->inside[l] ? log : at->inside[l];
        const wide_real turned = inverse ? 0.0 - within : within;
        (*log_slope)[l] = (real)(at->beyond[l] != 0 ? 0.0 : turned);
    }
}

static inline void linear_forward(const ptrdiff_t *size, const double *options,
                                  void *const *operand, void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0];
    const spline_bins b = linear_bins(options, (lanes *)operand[1], NULL, (wide_lanes *)scratch);
    linear_heights heights;
    spline_place at;
    linear_place(options, &b, bins, (lanes *)operand[0], inverse, &heights, &at);
    linear_values(&at, &heights, (wide_real)bins / b.axis.free, inverse, (lanes *)operand[0],
                  (lanes *)operand[2], (lanes *)operand[3]);
}

FG_LANE_KERNEL(linear_spline_lanes, 2, 2)
{
    linear_forward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(linear_spline_inverse_lanes, 2, 2)
{
    linear_forward(size, options, operand, scratch, 1);
}

#endif
