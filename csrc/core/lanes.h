/* The words of a lane kernel, which solves FG_LANES small problems at once, one in each lane.
 *
 * A spline or a small matrix is too short to fill vectors, and its elements are not independent. So
 * 16 problems are brought side by side: each number of an operand is a row of 16 lanes, and every
 * innermost loop runs over the 16 lanes. It vectorises whatever the sizes are. There is no branch
 * per lane: conditions are selects.
 *
 * The pivots of a matrix and the knots of a spline need more digits than float has. They are
 * computed in double, whatever the arrays hold: either the whole kernel is for double, or it uses
 * `wide_real` beside `real`.
 */
#ifndef FG_CORE_LANES_H
#define FG_CORE_LANES_H

#include "core/op.h"
#include "core/real.h"

typedef real lanes[FG_LANES];
typedef double wide_real;
typedef wide_real wide_lanes[FG_LANES];

static inline wide_real wide_abs(wide_real x)
{
    return FG_FABS(x);
}

static inline wide_real wide_sqrt(wide_real x)
{
    return FG_SQRT(x);
}

static inline uint64_t wide_bits_of(wide_real x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline wide_real wide_of_bits(uint64_t u)
{
    wide_real x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* real_select of wide_real. */
static inline wide_real wide_select(int condition, wide_real a, wide_real b)
{
    const uint64_t mask = condition ? ~(uint64_t)0 : 0; /* gcc makes a blend of this */
    return wide_of_bits((wide_bits_of(a) & mask) | (wide_bits_of(b) & ~mask));
}

/* The loop over the lanes. Unrolled before it is vectorised, it would stay scalar: hence `unroll
 * 1`. `ivdep` tells the compiler that rows of lanes overlap only where they are the same row. */
#if defined(__clang__)
#define EACH_LANE(l)                                                                               \
    _Pragma("clang loop vectorize(assume_safety)") for (int l = 0; l < FG_LANES; l++)
#else
#define EACH_LANE(l) _Pragma("GCC ivdep") _Pragma("GCC unroll 1") for (int l = 0; l < FG_LANES; l++)
#endif

/* y[i] -= a x[i stride], for i < n: a row of one matrix less a multiple of a row or column of
 * another. Not inlined: a compiler that knows the stride vectorises over i, with shuffles. */
static __attribute__((noinline, unused)) void subtract_multiple(lanes *restrict y,
                                                                const lanes *restrict a,
                                                                const lanes *restrict x,
                                                                ptrdiff_t stride, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        EACH_LANE(l)
            y[i][l] = mul_add(-(*a)[l], x[i * stride][l], y[i][l]);
}

/* How many inputs and outputs a kernel has. */
#define FG_LANE_OPERANDS(name, inputs, outputs)                                                    \
    enum { name##_takes = inputs, name##_gives = outputs }

/* A kernel and its number of inputs and outputs. `flatten` inlines all that it calls: a function of
 * one lane that is not inlined would be called for each lane, one after the other. */
#define FG_LANE_KERNEL(name, inputs, outputs)                                                      \
    FG_LANE_OPERANDS(name, inputs, outputs);                                                       \
    static __attribute__((flatten)) void name(const ptrdiff_t *size, const double *options,        \
                                              void *const *operand, void *scratch)

#define FG_IN_DOUBLE(kernel) (FG_REAL_BITS == 64 ? (kernel) : (fg_lane_kernel *)NULL)

/* The row of a lane kernel f_lanes and its derivative f_vjp_lanes, for double alone or for both
 * precisions. After the signature come the options of a call that gives none. */
/* clang-format off */
#define FG_LANE_SOLVER(kernel, name, ...) \
    {.lanes = kernel, .nin = name##_takes, .nout = name##_gives, .options = {__VA_ARGS__}}
#define FG_ROW_OF_LANES(f, signature, ...) \
    {#f, signature, FG_LANE_SOLVER(FG_IN_DOUBLE(f##_lanes), f##_lanes, __VA_ARGS__), \
     FG_LANE_SOLVER(FG_IN_DOUBLE(f##_vjp_lanes), f##_vjp_lanes, __VA_ARGS__)}
#define FG_ROW_OF_REAL_LANES(f, signature, ...) \
    {#f, signature, FG_LANE_SOLVER(f##_lanes, f##_lanes, __VA_ARGS__), \
     FG_LANE_SOLVER(f##_vjp_lanes, f##_vjp_lanes, __VA_ARGS__)}
/* clang-format on */

#endif
