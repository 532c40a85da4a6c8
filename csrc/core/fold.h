/* Binds a formula to a second loop, for rows of one array against constants, whose length is a
 * multiple of FG_FOLD_STEP, and for blocks of long rows. It sums the values as they come. So it
 * needs no tile for the values, for the constants, or for gradients that nobody wants. These tiles
 * are most of the time of a cheap formula, such as a loss.
 *
 * FG_FOLD(f, 2), after FG_FORMULA(f, 2), makes f_fold and f_derivative_fold for the row
 * FG_FOLDED_ROW(f, "(n),(n)->()"). Values, sums and gradients have the bits of the tile loop.
 *
 * FG_FOLD_SUM(f, 2), after FG_MAP(f, 2, 1), is the same for a map of one term, and
 * FG_FOLD_LARGEST(f) for a map of one input whose largest term is wanted. FG_FOLDED is the stage of
 * such a map, and FG_SHORT_CUT(f, reads, f_close, 2) one that may save the next 2.
 */
#ifndef FG_CORE_FOLD_H
#define FG_CORE_FOLD_H

#include "core/sum.h"
#include "core/tile.h"

/* clang-format off */
#define FG_FOLDED_ROW(formula, signature) \
    {#formula, signature, {.stages = FG_FOLDED_STAGE(formula##_value, formula##_fold)}, \
     {.stages = FG_FOLDED_STAGE(formula##_derivative, formula##_derivative_fold)}}
#define FG_FOLDED_STAGE(map, fold) \
    (const fg_stage[]){{map, NULL, map##_takes, 0, map##_gives, FG_SUMMED_OUTPUTS, 0, FG_SUM, \
                        NULL, 0, fold, 0, NULL}, FG_LAST_STAGE}
#define FG_FOLDED(formula, reads, reduction, close) \
    FG_STAGE_WITH(formula, reads, reduction, close, formula##_fold, 0)
#define FG_SHORT_CUT(formula, reads, close, skips) \
    FG_STAGE_WITH(formula, reads, FG_SUM, close, formula##_fold, skips)
/* clang-format on */

/* The inputs after the first, and at the end the cotangent, are constants. */
#define FG_FOLD_INPUTS_1 ((void)constant, x[i + k])
#define FG_FOLD_INPUTS_2 x[i + k], constant[0]

/* The values of a step wait to be summed: its groups stay in L1, and GCC keeps the loop over them
 * instead of unrolling it. */
static inline void add_to_lanes(double *lane, const real *y)
{
    for (ptrdiff_t i = 0; i < FG_FOLD_STEP; i += FG_LANES)
        for (ptrdiff_t j = 0; j < FG_LANES; j++)
            lane[j] += (double)y[i + j];
}

#define FG_FOLD(formula, arity)                                                                    \
    static __attribute__((noinline)) double formula##_fold_loop(                                   \
        const real *restrict x, const real *restrict constant, ptrdiff_t n)                        \
    {                                                                                              \
        double lane[FG_LANES] = {0};                                                               \
        for (ptrdiff_t i = 0; i < n; i += FG_FOLD_STEP) {                                          \
            real y[FG_FOLD_STEP];                                                                  \
            for (ptrdiff_t k = 0; k < FG_FOLD_STEP; k++)                                           \
                y[k] = formula(FG_FOLD_INPUTS_##arity);                                            \
            add_to_lanes(lane, y);                                                                 \
        }                                                                                          \
        return sum_of_lanes(lane);                                                                 \
    }                                                                                              \
    static __attribute__((noinline)) double formula##_derivative_fold_loop(                        \
        const real *restrict x, const real *restrict constant, real *restrict gradient,            \
        ptrdiff_t n)                                                                               \
    {                                                                                              \
        double lane[FG_LANES] = {0};                                                               \
        for (ptrdiff_t i = 0; i < n; i += FG_FOLD_STEP) {                                          \
            real y[FG_FOLD_STEP];                                                                  \
            for (ptrdiff_t k = 0; k < FG_FOLD_STEP; k++) {                                         \
                FG_EACH_##arity(FG_PARTIAL);                                                       \
                y[k] =                                                                             \
                    formula##_grad(FG_FOLD_INPUTS_##arity, FG_LIST_##arity(FG_PARTIAL_ADDRESS));   \
                gradient[i + k] = constant[arity - 1] * d0;                                        \
            }                                                                                      \
            add_to_lanes(lane, y);                                                                 \
        }                                                                                          \
        return sum_of_lanes(lane);                                                                 \
    }                                                                                              \
    FG_FOLD_OF_LOOP(formula)                                                                       \
    static double formula##_derivative_fold(const void *x, const void *constants, void *gradient,  \
                                            ptrdiff_t n)                                           \
    {                                                                                              \
        return formula##_derivative_fold_loop(x, constants, gradient, n);                          \
    }

#define FG_FOLD_SUM(formula, arity)                                                                \
    static __attribute__((noinline, flatten)) double formula##_fold_loop(                          \
        const real *restrict x, const real *restrict constant, ptrdiff_t n)                        \
    {                                                                                              \
        double lane[FG_LANES] = {0};                                                               \
        for (ptrdiff_t i = 0; i < n; i += FG_FOLD_STEP) {                                          \
            real y[FG_FOLD_STEP];                                                                  \
            for (ptrdiff_t k = 0; k < FG_FOLD_STEP; k++) {                                         \
                real term;                                                                         \
                formula(FG_FOLD_INPUTS_##arity, &term);                                            \
                y[k] = term;                                                                       \
            }                                                                                      \
            add_to_lanes(lane, y);                                                                 \
        }                                                                                          \
        return sum_of_lanes(lane);                                                                 \
    }                                                                                              \
    FG_FOLD_OF_LOOP(formula)

/* NaN is ignored, as in the loop over a tile. */
#define FG_FOLD_LARGEST(formula)                                                                   \
    static __attribute__((noinline, flatten)) double formula##_fold_loop(                          \
        const real *restrict x, const real *restrict constant, ptrdiff_t n)                        \
    {                                                                                              \
        real lane[FG_FOLD_STEP];                                                                   \
        (void)constant;                                                                            \
        for (ptrdiff_t k = 0; k < FG_FOLD_STEP; k++)                                               \
            lane[k] = -REAL_INFINITY;                                                              \
        for (ptrdiff_t i = 0; i < n; i += FG_FOLD_STEP)                                            \
            for (ptrdiff_t k = 0; k < FG_FOLD_STEP; k++) {                                         \
                real term;                                                                         \
                formula(x[i + k], &term);                                                          \
                lane[k] = term > lane[k] ? term : lane[k];                                         \
            }                                                                                      \
        return largest_of(lane);                                                                   \
    }                                                                                              \
    FG_FOLD_OF_LOOP(formula)

static inline double largest_of(real *lane)
{
    for (ptrdiff_t apart = FG_FOLD_STEP / 2; apart > 0; apart /= 2)
        for (ptrdiff_t k = 0; k < apart; k++)
            lane[k] = lane[k] > lane[k + apart] ? lane[k] : lane[k + apart];
    return (double)lane[0];
}

#define FG_FOLD_OF_LOOP(formula)                                                                   \
    static double formula##_fold(const void *x, const void *constants, void *gradient,             \
                                 ptrdiff_t n)                                                      \
    {                                                                                              \
        (void)gradient;                                                                            \
        return formula##_fold_loop(x, constants, n);                                               \
    }

#endif
