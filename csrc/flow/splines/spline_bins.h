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
    return u / wide_mul_add(wide_abs(u), clip, 1.0);
}

/* One axis of a spline: its raw sizes, and its knots. If `shares` is not NULL, it gets the sizes
 * less the least size. */
typedef struct {
    spline_axis axis;
    const lanes *raw;
    lanes *shares;
    wide_lanes *knots;
} spline_bins;

/* log2 of e^(u_i - largest), in two short loops: a CPU looks ahead over few operations. */
static inline __attribute__((always_inline)) void spline_logarithms(const lanes *restrict raw,
                                                                    ptrdiff_t bins, int soft,
                                                                    wide_real clip,
                                                                    wide_lanes *restrict part)
{
    lanes largest, lowest;
    wide_lanes log2_largest;
    EACH_LANE(l)
        largest[l] = -REAL_INFINITY;
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
            largest[l] = real_max(raw[i][l], largest[l]);
    EACH_LANE(l) {
        const wide_real u = (wide_real)largest[l];
        log2_largest[l] = LOG2_E * (soft ? softly_clipped(u, clip) : u);
        lowest[l] = largest[l] + SHARE_LOWEST;
    }
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l) {
            const wide_real u = (wide_real)(soft ? raw[i][l] : real_max(lowest[l], raw[i][l]));
            part[i][l] = wide_mul_add(soft ? softly_clipped(u, clip) : u, LOG2_E, -log2_largest[l]);
        }
}

/* 2^part of n <= SHARES bins, where n is a constant, and their sum. */
static inline __attribute__((always_inline)) void
spline_some_parts(int n, wide_lanes *restrict part, wide_lanes *restrict total)
{
    EACH_LANE(l) {
        wide_real t[SHARES], sum = (*total)[l];
        EACH_SHARE(j, n)
            t[j] = part[j][l];
        exp2_of_shares(t, n);
        EACH_SHARE(j, n) {
            part[j][l] = t[j];
            sum += t[j];
        }
        (*total)[l] = sum;
    }
}

/* e^(u_i - largest), and their sum. */
static __attribute__((noinline)) void spline_exponential_lanes(const lanes *restrict raw,
                                                               ptrdiff_t bins, wide_real clip,
                                                               wide_lanes *restrict part,
                                                               wide_lanes *restrict total)
{
    ptrdiff_t i = 0;
    if (clip > 0)
        spline_logarithms(raw, bins, 1, clip, part);
    else
        spline_logarithms(raw, bins, 0, clip, part);
    EACH_LANE(l)
        (*total)[l] = 0;
    for (; i + SHARES <= bins; i += SHARES)
        spline_some_parts(SHARES, part + i, total);
    for (; i < bins; i++)
        spline_some_parts(1, part + i, total);
}

/* e^(u_i - largest), or a given size; and `stretch`, their factor to sizes of the interval less the
 * least size. */
static void spline_parts(const spline_axis *axis, const lanes *raw, ptrdiff_t bins,
                         wide_lanes *restrict part, wide_lanes *restrict stretch)
{
    wide_lanes total;
    if (axis->given) {
        for (ptrdiff_t i = 0; i < bins; i++)
            EACH_LANE(l)
                part[i][l] = (wide_real)raw[i][l];
        EACH_LANE(l)
            (*stretch)[l] = 1.0;
        return;
    }
    spline_exponential_lanes(raw, bins, axis->clip, part, &total);
    EACH_LANE(l)
        (*stretch)[l] = axis->free / total[l];
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
    spline_parts(&b->axis, b->raw, bins, b->knots + 1, &stretch);
    spline_sums(b, bins, &stretch);
}

#endif
