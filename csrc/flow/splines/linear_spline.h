/* A piecewise linear spline y(x) of K bins of equal widths, and log dy/dx; or its inverse.
 *
 * The heights are shares p = softmax(u) of the interval. In bin k
 *     y = y_k + theta h_k = y_{k+1} - om h_k,   dy/dx = K p_k,
 * with theta and om = 1 - theta each from its own knot. The logarithm is (u_k - max u) - log(sum_i
 * e^(u_i - max u) / K). It is right also for a share that is too small to count beside the others.
 * Knots are sums in double, as in spline_bins.h; the knots of x are never stored.
 *
 * Outside of the bins the spline is the identity, as in nflows: y is continuous there, and dy/dx is
 * 1.
 *
 * Source: Mueller, McWilliams, Rousselle, Gross and Novak (2019), Neural importance sampling.
 * Max error: float 1 ULP of the bound, over the slope for the inverse, and 2 ULP of the largest of
 * the logarithm, max u - u_k and 1; double 4 ULP of the largest term, or 1e-15 of the same. NaN
 * gives NaN, and so does a raw height of +inf; a raw height of -inf is a share of 0.
 */
#ifndef FG_FLOW_SPLINES_LINEAR_SPLINE_H
#define FG_FLOW_SPLINES_LINEAR_SPLINE_H

#include "flow/splines/spline_bins.h"
#include "flow/splines/spline_place.h"

/* From the raw heights: the factor of all shares, the largest, and the one of the point's bin. */
typedef struct {
    wide_lanes stretch;
    lanes largest, here;
} linear_heights;

static inline wide_real linear_knot(wide_real bound, wide_real i, wide_real bins)
{
    return (2 * i - bins) * bound / bins;
}

static inline spline_bins linear_bins(const double *options, const lanes *raw, lanes *shares,
                                      wide_lanes *knots)
{
    const wide_real bound = options[SPLINE_BOUND];
    const spline_bins b = {{0, bound, 2 * bound, 0, 0}, raw, shares, knots};
    return b;
}

static void linear_search(const spline_bins *b, ptrdiff_t bins, int inverse,
                          linear_heights *restrict heights, spline_place *restrict at)
{
    const wide_real bound = b->axis.bound, count = (wide_real)bins;
    EACH_LANE(l) {
        at->bin[l] = 0;
        at->y0[l] = b->knots[0][l], at->y1[l] = b->knots[1][l];
        heights->here[l] = heights->largest[l] = b->raw[0][l];
    }
    for (ptrdiff_t i = 1; i < bins; i++) {
        const wide_real x_knot = linear_knot(bound, (wide_real)i, count);
        EACH_LANE(l) {
            const int above = at->inside[l] >= (inverse ? b->knots[i][l] : x_knot);
            at->bin[l] += above ? R(1.0) : R(0.0);
            at->y0[l] = wide_select(above, b->knots[i][l], at->y0[l]);
            at->y1[l] = wide_select(above, b->knots[i + 1][l], at->y1[l]);
            heights->here[l] = real_select(above, b->raw[i][l], heights->here[l]);
            heights->largest[l] = real_max(heights->largest[l], b->raw[i][l]);
        }
    }
    EACH_LANE(l) {
        at->x0[l] = linear_knot(bound, (wide_real)at->bin[l], count);
        at->x1[l] = linear_knot(bound, (wide_real)at->bin[l] + 1, count);
    }
}

static void linear_place(const double *options, const spline_bins *b, ptrdiff_t bins,
                         const lanes *x, int inverse, linear_heights *heights, spline_place *at)
{
    spline_parts(&b->axis, b->raw, bins, b->knots + 1, &heights->stretch);
    spline_sums(b, bins, &heights->stretch);
    spline_reduce(options, &b->knots[bins], x, at);
    linear_search(b, bins, inverse, heights, at);
}

#endif
