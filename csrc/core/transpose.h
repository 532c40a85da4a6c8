/* Rows of FG_LANES lanes from FG_LANES arrays, and back: a transposition. In a kernel with few
 * numbers per problem it is most of the time. It goes in blocks of 4 x 4, in registers. Columns
 * that fill no block form one with some of the columns before, which are done again.
 *
 * loops.c includes it. Arrays that are not contiguous, or of another type, go through `load` and
 * `store`.
 */
#ifndef FG_CORE_TRANSPOSE_H
#define FG_CORE_TRANSPOSE_H

#include "core/real.h"

enum { BLOCK = 4 };

typedef float float4 __attribute__((vector_size(16)));
typedef double double4 __attribute__((vector_size(32)));
typedef int32_t mask_float4 __attribute__((vector_size(16)));
typedef int64_t mask_double4 __attribute__((vector_size(32)));
#if FG_REAL_BITS == 32
typedef float4 real4;
#else
typedef double4 real4;
#endif

#if defined(__clang__)
#define PICK4(type, a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define PICK4(type, a, b, i, j, k, l) __builtin_shuffle(a, b, (mask_##type){i, j, k, l})
#endif

/* Four rows of four become four columns. */
#define TRANSPOSE4(type, r)                                                                        \
    do {                                                                                           \
        const type low01 = PICK4(type, r[0], r[1], 0, 4, 1, 5);                                    \
        const type high01 = PICK4(type, r[0], r[1], 2, 6, 3, 7);                                   \
        const type low23 = PICK4(type, r[2], r[3], 0, 4, 1, 5);                                    \
        const type high23 = PICK4(type, r[2], r[3], 2, 6, 3, 7);                                   \
        r[0] = PICK4(type, low01, low23, 0, 1, 4, 5);                                              \
        r[1] = PICK4(type, low01, low23, 2, 3, 6, 7);                                              \
        r[2] = PICK4(type, high01, high23, 0, 1, 4, 5);                                            \
        r[3] = PICK4(type, high01, high23, 2, 3, 6, 7);                                            \
    } while (0)

#define FIRST_OF_BLOCK(i, count) ((i) + BLOCK <= (count) ? (i) : (count) - BLOCK)

/* At least BLOCK numbers, contiguous, of all lanes. */
#define TRANSPOSE_IN(name, stored, block)                                                          \
    static void name(const char *source, ptrdiff_t lane_stride, ptrdiff_t count,                   \
                     real(*restrict to)[FG_LANES])                                                 \
    {                                                                                              \
        for (ptrdiff_t next = 0; next < count; next += BLOCK) {                                    \
            const ptrdiff_t i = FIRST_OF_BLOCK(next, count);                                       \
            const char *from = source + i * (ptrdiff_t)sizeof(stored);                             \
            for (int l = 0; l < FG_LANES; l += BLOCK) {                                            \
                block rows[BLOCK];                                                                 \
                for (int j = 0; j < BLOCK; j++)                                                    \
                    memcpy(&rows[j], from + (l + j) * lane_stride, sizeof rows[j]);                \
                TRANSPOSE4(block, rows);                                                           \
                for (int j = 0; j < BLOCK; j++) {                                                  \
                    const real4 row = __builtin_convertvector(rows[j], real4);                     \
                    memcpy(&to[i + j][l], &row, sizeof row);                                       \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define TRANSPOSE_OUT(name, stored, block)                                                         \
    static void name(char *target, ptrdiff_t lane_stride, ptrdiff_t count,                         \
                     const real(*restrict from)[FG_LANES])                                         \
    {                                                                                              \
        for (ptrdiff_t next = 0; next < count; next += BLOCK) {                                    \
            const ptrdiff_t i = FIRST_OF_BLOCK(next, count);                                       \
            char *to = target + i * (ptrdiff_t)sizeof(stored);                                     \
            for (int l = 0; l < FG_LANES; l += BLOCK) {                                            \
                block rows[BLOCK];                                                                 \
                for (int j = 0; j < BLOCK; j++) {                                                  \
                    real4 row;                                                                     \
                    memcpy(&row, &from[i + j][l], sizeof row);                                     \
                    rows[j] = __builtin_convertvector(row, block);                                 \
                }                                                                                  \
                TRANSPOSE4(block, rows);                                                           \
                for (int j = 0; j < BLOCK; j++)                                                    \
                    memcpy(to + (l + j) * lane_stride, &rows[j], sizeof rows[j]);                  \
            }                                                                                      \
        }                                                                                          \
    }

#endif
