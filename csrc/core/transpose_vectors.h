/* The transposition of float where a register holds 8 or 16 numbers: 2 or 4 of the 4 x 4 blocks of
 * core/transpose.h side by side (core/lane_row.h). In each part, four rows of four become four
 * columns, and these are then whole rows of lanes. loops.c includes it. */
#ifndef FG_CORE_TRANSPOSE_VECTORS_H
#define FG_CORE_TRANSPOSE_VECTORS_H

#include "core/lane_row.h"
#include "core/op.h"
#include "core/transpose.h"

#ifdef FG_TRANSPOSE_VECTORS
/* At least BLOCK numbers, contiguous, of all lanes. */
static void transpose_vectors(const char *source, ptrdiff_t lane_stride, ptrdiff_t count,
                              float (*restrict to)[FG_LANES])
{
    for (ptrdiff_t next = 0; next < count; next += BLOCK) {
        const ptrdiff_t i = FIRST_OF_BLOCK(next, count);
        const char *const from = source + i * (ptrdiff_t)sizeof(float);
        for (int l = 0; l < FG_LANES; l += LANES_OF_A_ROW) {
            const char *const part = from + l * lane_stride;
            const ptrdiff_t next_part = BLOCK * lane_stride;
            lane_row r0 = row_of_parts(part, next_part);
            lane_row r1 = row_of_parts(part + lane_stride, next_part);
            lane_row r2 = row_of_parts(part + 2 * lane_stride, next_part);
            lane_row r3 = row_of_parts(part + 3 * lane_stride, next_part);
            TRANSPOSE_PARTS(r0, r1, r2, r3);
            STORE_ROW(&to[i][l], r0);
            STORE_ROW(&to[i + 1][l], r1);
            STORE_ROW(&to[i + 2][l], r2);
            STORE_ROW(&to[i + 3][l], r3);
        }
    }
}

static void transpose_back_vectors(char *target, ptrdiff_t lane_stride, ptrdiff_t count,
                                   const float (*restrict from)[FG_LANES])
{
    for (ptrdiff_t next = 0; next < count; next += BLOCK) {
        const ptrdiff_t i = FIRST_OF_BLOCK(next, count);
        char *const to = target + i * (ptrdiff_t)sizeof(float);
        for (int l = 0; l < FG_LANES; l += LANES_OF_A_ROW) {
            char *const part = to + l * lane_stride;
            const ptrdiff_t next_part = BLOCK * lane_stride;
            lane_row r0 = LOAD_ROW(&from[i][l]), r1 = LOAD_ROW(&from[i + 1][l]);
            lane_row r2 = LOAD_ROW(&from[i + 2][l]), r3 = LOAD_ROW(&from[i + 3][l]);
            TRANSPOSE_PARTS(r0, r1, r2, r3);
            parts_of_row(part, next_part, r0);
            parts_of_row(part + lane_stride, next_part, r1);
            parts_of_row(part + 2 * lane_stride, next_part, r2);
            parts_of_row(part + 3 * lane_stride, next_part, r3);
        }
    }
}
#endif

#endif
