/* What a lane kernel sees: FG_LANES small problems at once, one in each lane.
 *
 * Splines and small matrices are no map of elements, and one of them alone is too short to fill
 * vectors. So 16 are brought side by side: number m of an operand's core dimensions is a row of 16
 * lanes, and every innermost loop runs over the lanes, of which there are always as many. It
 * vectorises whatever the sizes are. There is no branch per lane: conditions are selects.
 *
 * A kernel computes in double whatever the arrays hold: the knots of a spline, or the pivots of a
 * matrix, are sums that float would spoil, and a float result is then right to its last bit.
 */
#ifndef FG_LANES_H
#define FG_LANES_H

#include "core/op.h"
#include "core/real.h"

typedef real lanes[FG_LANES];

/* The loop over the lanes. Rows never overlap unless they are the same row, which is what the
 * compiler is told here. */
#if defined(__clang__)
#define EACH_LANE(l)                                                                               \
    _Pragma("clang loop vectorize(assume_safety)") for (int l = 0; l < FG_LANES; l++)
#else
#define EACH_LANE(l) _Pragma("GCC ivdep") for (int l = 0; l < FG_LANES; l++)
#endif

/* y[i] -= a x[i stride], for i < n: a row of one matrix less a multiple of a row or column of
 * another. Not inlined: where a compiler knows the stride, it vectorises over i, and shuffles. */
static __attribute__((noinline, unused)) void subtract_multiple(lanes *restrict y,
                                                                const lanes *restrict a,
                                                                const lanes *restrict x,
                                                                ptrdiff_t stride, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        EACH_LANE(l)
    y[i][l] = mul_add(-(*a)[l], x[i * stride][l], y[i][l]);
}

#define FG_IN_DOUBLE(kernel) (FG_REAL_BITS == 64 ? (kernel) : (fg_lanes *)NULL)

/* The row of a lane kernel f_lanes and its derivative f_vjp_lanes; what follows the signature are
 * the options, as they are where a call says nothing else. */
/* clang-format off */
#define FG_ROW_OF_LANES(f, signature, ...) \
    {#f, signature, {.lanes = FG_IN_DOUBLE(f##_lanes), .options = {__VA_ARGS__}}, \
     {.lanes = FG_IN_DOUBLE(f##_vjp_lanes), .options = {__VA_ARGS__}}}
/* clang-format on */

#endif
