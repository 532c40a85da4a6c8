/* The bins of a spline on [-bound, bound]: from raw parameters to the knots between them.
 *
 * A size is a least size plus a softmax share of the rest of the interval. Knots are sums of sizes,
 * in double for float arrays too. In float, the error of a sum would be as large as theta in a
 * narrow bin, and the log-determinant of a sharp spline would be wrong by up to 9. The last knot is
 * exactly the bound, and all others are below it, so that the end is never in a bin of width 0.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_BINS_H
#define FG_FLOW_SPLINES_SPLINE_BINS_H

#include "flow/splines/spline_options.h"
#include "flow/splines/spline_share.h"

static inline wide_real softly_clipped(wide_real u, wide_real clip)
{
    return u / wide_mul_add(u < 0 ? -u : u, clip, 1.0);
}

/* One axis of a spline: its raw sizes, and its knots. If `shares` is not NULL, it gets the sizes
 * less the least size. */
typedef struct {
    spline_axis axis;
    const lanes *raw;
    lanes *shares;
    wide_lanes *knots;
} spline_bins;

/* The logarithm of the largest share, and the lowest raw size that changes the result. */
static void spline_largest(const spline_bins *b, ptrdiff_t bins, wide_lanes *restrict log2_largest,
                           lanes *restrict lowest)
{
    lanes largest;
    EACH_LANE(l)
        largest[l] = -REAL_INFINITY;
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
            largest[l] = real_max(b->raw[i][l], largest[l]);
    EACH_LANE(l) {
        (*log2_largest)[l] = LOG2_E * softly_clipped((wide_real)largest[l], b->axis.clip);
        (*lowest)[l] = b->axis.clip > 0 ? -REAL_INFINITY : largest[l] + SHARE_LOWEST;
    }
}

/* e^(u_i - largest), or a given size, each in the place of the knot above it; and `stretch`, their
 * factor to sizes of the interval. */
static void spline_parts(const spline_bins *b, ptrdiff_t bins, wide_lanes *restrict stretch)
{
    wide_lanes log2_largest, total, *const parts = b->knots + 1;
    const wide_real clip = b->axis.clip;
    lanes lowest;
    spline_largest(b, bins, &log2_largest, &lowest);
    EACH_LANE(l)
        total[l] = 0;
    for (ptrdiff_t i = 0; i < bins; i++)
        if (b->axis.given)
            EACH_LANE(l)
                parts[i][l] = (wide_real)b->raw[i][l];
        else if (clip > 0)
            EACH_LANE(l) {
                const wide_real u = softly_clipped((wide_real)b->raw[i][l], clip);
                parts[i][l] = exp2_of_share(wide_mul_add(u, LOG2_E, -log2_largest[l]));
                total[l] += parts[i][l];
            }
        else
            EACH_LANE(l) {
                const wide_real u = (wide_real)real_max(lowest[l], b->raw[i][l]);
                parts[i][l] = exp2_of_share(wide_mul_add(u, LOG2_E, -log2_largest[l]));
                total[l] += parts[i][l];
            }
    EACH_LANE(l)
        (*stretch)[l] = b->axis.given ? 1.0 : b->axis.free / total[l];
}

/* The bins + 1 knots. If the sum is NaN, the last knot is NaN. */
static void spline_sums(const spline_bins *b, ptrdiff_t bins, const wide_lanes *restrict stretch)
{
    const wide_real bound = b->axis.bound, least = b->axis.least;
    const wide_real limit = b->axis.given ? (wide_real)INFINITY : bound * (1 - 0x1p-53);
    wide_lanes knot, *const knots = b->knots;
    EACH_LANE(l)
        knots[0][l] = knot[l] = -bound;
    for (ptrdiff_t i = 1; i <= bins; i++) {
        if (b->shares != NULL)
            EACH_LANE(l)
                b->shares[i - 1][l] = (real)((*stretch)[l] * knots[i][l]);
        EACH_LANE(l) {
            knot[l] += wide_mul_add((*stretch)[l], knots[i][l], least);
            knots[i][l] = limit < knot[l] ? limit : knot[l];
        }
    }
    if (!b->axis.given)
        EACH_LANE(l)
            knots[bins][l] = knot[l] != knot[l] ? knot[l] : bound;
}

static void spline_knots(const spline_bins *b, ptrdiff_t bins)
{
    wide_lanes stretch;
    spline_parts(b, bins, &stretch);
    spline_sums(b, bins, &stretch);
}

#endif
