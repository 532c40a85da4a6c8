/* Binds the formula of a stage that reduces rows to loops that sum its terms as they come.
 *
 * The terms are taken in double, also of arrays of float: a product of two floats is exact there,
 * and no square of a float leaves the range. The sums stay in registers. So a stage needs no tiles
 * for its terms, and takes less time than one of float that writes and reads them.
 *
 * FG_SUMS(f, 6, 4, 0x3, 2) is for    void f(double, ... six inputs ..., double *, double *)
 * whose first 4 inputs are those of the operation, and the rest numbers of state. Bit k of 0x3
 * tells that input k has a value per element; the others have one per row. The stage is FG_SUMMED.
 *
 * The order of a sum is that of csrc/README.md.
 */
#ifndef FG_CORE_SUMS_H
#define FG_CORE_SUMS_H

#include "core/sum.h"
#include "core/tile.h"

/* clang-format off */
#define FG_SUMMED(formula, reads, close) \
    {NULL, FG_CLOSING(close), formula##_takes, reads, formula##_gives, \
     FG_AT_MOST(close##_terms, formula##_gives), close##_states, FG_SUM, NULL, 0, NULL, 0, \
     &formula##_sums}
/* clang-format on */

#define FG_SUMS_INPUT(k) const void *restrict x##k
#define FG_SUMS_POINTER(k) in[k]
#define FG_SUMS_TERM(k) double r##k;
#define FG_SUMS_LANES(k) double lane##k[FG_LANES] = {0};
#define FG_SUMS_ADD(k) lane##k[j] += r##k;
#define FG_SUMS_TOTAL(k) totals[k] = sum_of_lanes(lane##k);
#define FG_SUMS_OUTPUT(k) double *restrict t##k
#define FG_SUMS_OUTPUT_POINTER(k) totals[k]
#define FG_SUMS_ADD_ACROSS(k) t##k[i] += r##k;

/* Input k of element i of a row. `fg_takes` and `fg_arrays` are constants there. */
#define FG_SUMS_ARGUMENT(k)                                                                        \
    ((k) < fg_takes ? (double)((const real *)x##k)[(fg_arrays >> (k)) & 1 ? i + j : 0]             \
                    : *(const double *)x##k)
/* Input k of element i of a tile of rows that lie across, of row r. */
#define FG_SUMS_ARGUMENT_ACROSS(k)                                                                 \
    ((k) < fg_takes ? (double)((const real *)x##k)[r] : ((const double *)x##k)[r])

#define FG_SUMS(formula, arity, takes, arrays, terms)                                              \
    enum { formula##_takes = takes, formula##_gives = terms };                                     \
    FG_LOOP formula##_row_loop(FG_LIST_##arity(FG_SUMS_INPUT), ptrdiff_t n, double *totals)        \
    {                                                                                              \
        enum { fg_takes = takes, fg_arrays = arrays };                                             \
        const ptrdiff_t left = n % FG_LANES;                                                       \
        FG_EACH_##terms(FG_SUMS_LANES);                                                            \
        for (ptrdiff_t i = n - left, j = 0; j < left; j++) {                                       \
            FG_EACH_##terms(FG_SUMS_TERM)                                                          \
                formula(FG_LIST_##arity(FG_SUMS_ARGUMENT), FG_LIST_##terms(FG_RESULT_ADDRESS));    \
            FG_EACH_##terms(FG_SUMS_ADD)                                                           \
        }                                                                                          \
        for (ptrdiff_t i = 0; i < n - left; i += FG_LANES)                                         \
            for (ptrdiff_t j = 0; j < FG_LANES; j++) {                                             \
                FG_EACH_##terms(FG_SUMS_TERM) formula(FG_LIST_##arity(FG_SUMS_ARGUMENT),           \
                                                      FG_LIST_##terms(FG_RESULT_ADDRESS));         \
                FG_EACH_##terms(FG_SUMS_ADD)                                                       \
            }                                                                                      \
        FG_EACH_##terms(FG_SUMS_TOTAL)                                                             \
    }                                                                                              \
    static void formula##_row(const void *const *in, ptrdiff_t n, double *totals)                  \
    {                                                                                              \
        formula##_row_loop(FG_LIST_##arity(FG_SUMS_POINTER), n, totals);                           \
    }                                                                                              \
    FG_LOOP formula##_across_loop(FG_LIST_##arity(FG_SUMS_INPUT), FG_LIST_##terms(FG_SUMS_OUTPUT), \
                                  ptrdiff_t rows, ptrdiff_t first)                                 \
    {                                                                                              \
        enum { fg_takes = takes };                                                                 \
        for (ptrdiff_t r = 0, i = first; r < rows; r++, i++) {                                     \
            FG_EACH_##terms(FG_SUMS_TERM) formula(FG_LIST_##arity(FG_SUMS_ARGUMENT_ACROSS),        \
                                                  FG_LIST_##terms(FG_RESULT_ADDRESS));             \
            FG_EACH_##terms(FG_SUMS_ADD_ACROSS)                                                    \
        }                                                                                          \
    }                                                                                              \
    static void formula##_across(const void *const *in, ptrdiff_t rows, ptrdiff_t first,           \
                                 double *const *totals)                                            \
    {                                                                                              \
        formula##_across_loop(FG_LIST_##arity(FG_SUMS_POINTER),                                    \
                              FG_LIST_##terms(FG_SUMS_OUTPUT_POINTER), rows, first);               \
    }                                                                                              \
    static const fg_sums formula##_sums = {formula##_row, formula##_across};

#endif
