/* The kernels of the linear spline's derivative: the values, and the gradients.
 *
 * Through y, the heights of all bins below the point's bin have the same gradient. spline_by_shares
 * of spline_bins_vjp.h turns it into gradients of the raw heights. Through the logarithm, the
 * gradient is 1 - p_k for the point's bin, computed from the knots on both sides, and -p_i for all
 * others. So nothing is divided by a height, which may be 0.
 */
#ifndef FG_FLOW_SPLINES_LINEAR_VJP_LANES_H
#define FG_FLOW_SPLINES_LINEAR_VJP_LANES_H

#include "flow/splines/linear_lanes.h"
#include "flow/splines/spline_bins_vjp.h"

/* The height of the point's bin, also if the knots at its ends are equal. */
static void linear_height(const linear_heights *restrict heights, wide_lanes *restrict height)
{
    EACH_LANE(l) {
        const real below = real_max(SHARE_LOWEST, heights->here[l] - heights->largest[l]);
        (*height)[l] = heights->stretch[l] * exp2_of_share(LOG2_E * (wide_real)below);
    }
}

/* The gradients of x and of the heights. `by_log` is the cotangent of the log of the forward slope.
 */
static void linear_gradients(const spline_place *restrict at, const wide_lanes *restrict height,
                             wide_real rate, int inverse, const lanes *restrict c_y,
                             const lanes *restrict c_log, lanes *restrict d_x,
                             lanes *restrict by_log, spline_by_size *restrict by)
{
    EACH_LANE(l) {
        const int outside = at->beyond[l] != 0;
        const wide_real slope = (*height)[l] * rate, c = (wide_real)(*c_y)[l];
        /* The cotangent of y in the forward function. For the inverse it is -c_x / (dy/dx). */
        const wide_real by_y = inverse ? -c / slope : c;
        const wide_real from = inverse ? at->y0[l] : at->x0[l];
        const wide_real to = inverse ? at->y1[l] : at->x1[l];
        const wide_real theta = (at->inside[l] - from) / (to - from);
        const wide_real by_x = inverse ? -by_y : by_y * slope;
        const real by_l = inverse ? -(*c_log)[l] : (*c_log)[l];
        const wide_real nan_or_0 = at->inside[l] - at->inside[l];
        (*d_x)[l] = (real)wide_select(outside, c, by_x + nan_or_0);
        (*by_log)[l] = real_select(outside, R(0.0), by_l);
        by->below[l] = wide_select(outside, 0.0, by_y);
        by->here[l] = wide_select(outside, 0.0, by_y * theta);
    }
}

static void linear_heights_vjp(const spline_bins *b, ptrdiff_t bins, const spline_place *at,
                               const lanes *restrict by_log, const spline_by_size *by)
{
    const wide_real inverse_free = 1 / b->axis.free, bound = b->axis.bound;
    spline_by_share factor;
    lanes others;
    spline_by_shares(&b->axis, bins, &at->bin, &at->y0, &at->y1, by, &factor);
    EACH_LANE(l) {
        const wide_real rest = (at->y0[l] + bound + (bound - at->y1[l])) * inverse_free;
        others[l] = (real)((wide_real)(*by_log)[l] * rest);
        factor.below[l] -= (real)((wide_real)(*by_log)[l] * inverse_free);
        factor.above[l] -= (real)((wide_real)(*by_log)[l] * inverse_free);
    }
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l) {
            const int here = at->bin[l] == (real)i;
            const real other = real_select(at->bin[l] > (real)i, factor.below[l], factor.above[l]);
            const real by_here = mul_add(b->shares[i][l], factor.here[l], others[l]);
            b->shares[i][l] = real_select(here, by_here, b->shares[i][l] * other);
        }
}

static inline void linear_backward(const ptrdiff_t *size, const double *options,
                                   void *const *operand, void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0];
    const spline_bins b =
        linear_bins(options, (lanes *)operand[1], (lanes *)operand[7], (wide_lanes *)scratch);
    const wide_real rate = (wide_real)bins / b.axis.free;
    linear_heights heights;
    spline_place at;
    spline_by_size by;
    wide_lanes height;
    lanes by_log;
    linear_place(options, &b, bins, (lanes *)operand[0], inverse, &heights, &at);
    linear_values(&at, &heights, rate, inverse, (lanes *)operand[0], (lanes *)operand[4],
                  (lanes *)operand[5]);
    linear_height(&heights, &height);
    linear_gradients(&at, &height, rate, inverse, (lanes *)operand[2], (lanes *)operand[3],
                     (lanes *)operand[6], &by_log, &by);
    linear_heights_vjp(&b, bins, &at, &by_log, &by);
}

FG_LANE_KERNEL(linear_spline_vjp_lanes, 4, 4)
{
    linear_backward(size, options, operand, scratch, 0);
}

FG_LANE_KERNEL(linear_spline_inverse_vjp_lanes, 4, 4)
{
    linear_backward(size, options, operand, scratch, 1);
}

#endif
