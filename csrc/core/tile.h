/* Binds a formula to its loop over a tile. Every ops.c includes this, and ends in FG_ROWS.
 *
 * FG_FORMULA(f, 2) makes f_value of the formula    real f(real, real)
 * and f_derivative of                              real f_grad(real, real, real *, real *)
 * which returns the value and writes the partial derivatives. Where a caller wants no value, it is
 * written to a tile that nobody reads: that is cheaper than to compile the loop a second time.
 *
 * A formula of several outputs writes them:        void f(real, real, real *, real *)
 * FG_MAP(f, 2, 2) makes f_map of it. Its derivative takes the inputs and a cotangent per output,
 * and writes the outputs and a gradient per input: void f_vjp(real, real, real, real,
 *                                                             real *, real *, real *, real *)
 * FG_MAP(f_vjp, 4, 4) makes f_vjp_map of it. The row is then FG_ROW_OF_MAPS(f, signature).
 *
 * FG_STEADY_FORMULA(f, 4, 2) makes a second loop of the values of f, for calls whose inputs after
 * the first 2 are one number each. It keeps the numbers in registers: the loop of FG_FORMULA reads
 * them from memory for each element, which takes longer than a cheap formula. FG_STEADY_MAP(f, 4,
 * 2, 2) is the same for a map of two outputs. The row is then FG_STEADY_ROW or the like.
 */
#ifndef FG_CORE_TILE_H
#define FG_CORE_TILE_H

#include "core/real.h"
#include "core/repeat.h"
#include "core/row.h"

#define FG_INPUT(k) const real *restrict x##k
#define FG_GRADIENT(k) real *restrict dx##k
#define FG_INPUT_POINTER(k) in[k]
#define FG_GRADIENT_POINTER(k) out[k + 1]
#define FG_ARGUMENT(k) x##k[i]
#define FG_PARTIAL(k) real d##k;
#define FG_PARTIAL_ADDRESS(k) &d##k
#define FG_SCALE(k) dx##k[i] = cotangent[i] * d##k;

/* An input of the steady loop. `fg_arrays` is a constant there. */
#define FG_STEADY_ARGUMENT(k) x##k[(k) < fg_arrays ? i : 0]

#define FG_OUTPUT(k) real *restrict y##k
#define FG_OUTPUT_POINTER(k) out[k]
#define FG_RESULT(k) real r##k;
#define FG_RESULT_ADDRESS(k) &r##k
#define FG_WRITE(k) y##k[i] = r##k;

/* GCC uses `restrict` only on parameters, and drops it when the function is inlined: so loops are
 * noinline functions. `flatten` inlines all that they call. Without it, GCC stops inlining in a
 * file of many formulas, and a loop around a call does not vectorise. */
#define FG_LOOP static __attribute__((noinline, flatten)) void

#define FG_FORMULA(formula, arity)                                                                 \
    enum { formula##_value_takes = arity, formula##_value_gives = 1 };                             \
    enum { formula##_derivative_takes = arity + 1, formula##_derivative_gives = arity + 1 };       \
    FG_LOOP formula##_value_loop(FG_LIST_##arity(FG_INPUT), real *restrict y, ptrdiff_t n)         \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < n * FG_LANES; i++)                                               \
            y[i] = formula(FG_LIST_##arity(FG_ARGUMENT));                                          \
    }                                                                                              \
    FG_LOOP formula##_derivative_loop(FG_LIST_##arity(FG_INPUT), const real *restrict cotangent,   \
                                      real *restrict y, FG_LIST_##arity(FG_GRADIENT), ptrdiff_t n) \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < n * FG_LANES; i++) {                                             \
            FG_EACH_##arity(FG_PARTIAL);                                                           \
            y[i] =                                                                                 \
                formula##_grad(FG_LIST_##arity(FG_ARGUMENT), FG_LIST_##arity(FG_PARTIAL_ADDRESS)); \
            FG_EACH_##arity(FG_SCALE)                                                              \
        }                                                                                          \
    }                                                                                              \
    static void formula##_value(const void *const *in, void *const *out, ptrdiff_t groups)         \
    {                                                                                              \
        formula##_value_loop(FG_LIST_##arity(FG_INPUT_POINTER), out[0], groups);                   \
    }                                                                                              \
    static void formula##_derivative(const void *const *in, void *const *out, ptrdiff_t groups)    \
    {                                                                                              \
        formula##_derivative_loop(FG_LIST_##arity(FG_INPUT_POINTER), in[arity], out[0],            \
                                  FG_LIST_##arity(FG_GRADIENT_POINTER), groups);                   \
    }

#define FG_MAP(formula, arity, outputs)                                                            \
    enum { formula##_map_takes = arity, formula##_map_gives = outputs };                           \
    FG_LOOP formula##_map_loop(FG_LIST_##arity(FG_INPUT), FG_LIST_##outputs(FG_OUTPUT),            \
                               ptrdiff_t n)                                                        \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < n * FG_LANES; i++) {                                             \
            FG_EACH_##outputs(FG_RESULT)                                                           \
                formula(FG_LIST_##arity(FG_ARGUMENT), FG_LIST_##outputs(FG_RESULT_ADDRESS));       \
            FG_EACH_##outputs(FG_WRITE)                                                            \
        }                                                                                          \
    }                                                                                              \
    static void formula##_map(const void *const *in, void *const *out, ptrdiff_t groups)           \
    {                                                                                              \
        formula##_map_loop(FG_LIST_##arity(FG_INPUT_POINTER),                                      \
                           FG_LIST_##outputs(FG_OUTPUT_POINTER), groups);                          \
    }

#define FG_STEADY_FORMULA(formula, arity, arrays)                                                  \
    enum { formula##_value_arrays = arrays };                                                      \
    FG_LOOP formula##_steady_value_loop(FG_LIST_##arity(FG_INPUT), real *restrict y, ptrdiff_t n)  \
    {                                                                                              \
        enum { fg_arrays = arrays };                                                               \
        for (ptrdiff_t i = 0; i < n * FG_LANES; i++)                                               \
            y[i] = formula(FG_LIST_##arity(FG_STEADY_ARGUMENT));                                   \
    }                                                                                              \
    static void formula##_value_steady(const void *const *in, void *const *out, ptrdiff_t groups)  \
    {                                                                                              \
        formula##_steady_value_loop(FG_LIST_##arity(FG_INPUT_POINTER), out[0], groups);            \
    }

#define FG_STEADY_MAP(formula, arity, outputs, arrays)                                             \
    enum { formula##_map_arrays = arrays };                                                        \
    FG_LOOP formula##_steady_map_loop(FG_LIST_##arity(FG_INPUT), FG_LIST_##outputs(FG_OUTPUT),     \
                                      ptrdiff_t n)                                                 \
    {                                                                                              \
        enum { fg_arrays = arrays };                                                               \
        for (ptrdiff_t i = 0; i < n * FG_LANES; i++) {                                             \
            FG_EACH_##outputs(FG_RESULT) formula(FG_LIST_##arity(FG_STEADY_ARGUMENT),              \
                                                 FG_LIST_##outputs(FG_RESULT_ADDRESS));            \
            FG_EACH_##outputs(FG_WRITE)                                                            \
        }                                                                                          \
    }                                                                                              \
    static void formula##_map_steady(const void *const *in, void *const *out, ptrdiff_t groups)    \
    {                                                                                              \
        formula##_steady_map_loop(FG_LIST_##arity(FG_INPUT_POINTER),                               \
                                  FG_LIST_##outputs(FG_OUTPUT_POINTER), groups);                   \
    }

/* The closing of a stage: FG_CLOSE(f_close, 1, 2) makes the loop over rows of
 *     void f_close(real n, real total, real *state0, real *state1)
 * where n is the number of elements of a row. The state is in and out: the formula finds there what
 * earlier stages left. It is compiled in double alone. */
#if FG_REAL_BITS == 64
#define FG_TOTAL(k) const real *restrict t##k
#define FG_STATE(k) real *restrict s##k
#define FG_TOTAL_POINTER(k) totals[k]
#define FG_STATE_POINTER(k) state[k]
#define FG_TOTAL_OF_ROW(k) t##k[r]
#define FG_STATE_OF_ROW(k) real r##k = s##k[r];
#define FG_KEEP_STATE(k) s##k[r] = r##k;
#define FG_CLOSE(formula, terms, states)                                                           \
    enum { formula##_terms = terms, formula##_states = states };                                   \
    FG_LOOP formula##_loop(real n, FG_LIST_##terms(FG_TOTAL), FG_LIST_##states(FG_STATE),          \
                           ptrdiff_t rows)                                                         \
    {                                                                                              \
        for (ptrdiff_t r = 0; r < rows; r++) {                                                     \
            FG_EACH_##states(FG_STATE_OF_ROW);                                                     \
            formula(n, FG_LIST_##terms(FG_TOTAL_OF_ROW), FG_LIST_##states(FG_RESULT_ADDRESS));     \
            FG_EACH_##states(FG_KEEP_STATE)                                                        \
        }                                                                                          \
    }                                                                                              \
    static void formula##_closing(double n, const double *const *totals, double *const *state,     \
                                  ptrdiff_t rows)                                                  \
    {                                                                                              \
        formula##_loop(n, FG_LIST_##terms(FG_TOTAL_POINTER), FG_LIST_##states(FG_STATE_POINTER),   \
                       rows);                                                                      \
    }
#else
#define FG_CLOSE(formula, terms, states)                                                           \
    enum { formula##_terms = terms, formula##_states = states };
#endif

#endif
