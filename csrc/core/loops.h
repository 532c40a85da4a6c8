/* The loops that know how numbers are stored. Like formulas, they are compiled for each instruction
 * set and precision. One table gives access to them. */
#ifndef FG_CORE_LOOPS_H
#define FG_CORE_LOOPS_H

#include <stddef.h>

#include "core/op.h"

/* Make count elements of a stream, step apart, as contiguous `real`: csrc/noise. */
typedef void fg_generate(const fg_stream *stream, ptrdiff_t first, ptrdiff_t step, ptrdiff_t count,
                         void *to);

typedef struct {
    ptrdiff_t real_size;
    /* Load count elements, stride bytes apart, as contiguous `real`. */
    void (*load)(enum fg_dtype from, const char *source, ptrdiff_t stride, ptrdiff_t count,
                 void *to);
    /* Store count contiguous `real`, stride bytes apart, rounding once. */
    void (*store)(enum fg_dtype to, char *target, ptrdiff_t stride, ptrdiff_t count,
                  const void *from);
    /* Store count contiguous `real` past the caches, contiguously; target needs no alignment. */
    void (*stream)(char *target, ptrdiff_t count, const void *from);
    /* Load number i of lane l, at source + l lane_stride + i stride, as to[i][l] of rows of
     * FG_LANES, for i < count and l < lanes; and store them back. */
    void (*load_lanes)(enum fg_dtype from, const char *source, ptrdiff_t lane_stride,
                       ptrdiff_t lanes, ptrdiff_t stride, ptrdiff_t count, void *to);
    void (*store_lanes)(enum fg_dtype to, char *target, ptrdiff_t lane_stride, ptrdiff_t lanes,
                        ptrdiff_t stride, ptrdiff_t count, const void *from);
    /* totals[r] = the sum of tile[r*n .. r*n + n-1]. Up to 15 elements past the last are read, but
     * not added. */
    void (*sum_rows)(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *totals);
    /* totals[r] = the largest of them that is no NaN; -infinity where there is none. */
    void (*max_rows)(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *totals);
    /* totals[r] = the sum of log|x|. In float, only of rows of one element: longer rows are first
     * turned into factors in double by factor_rows, which returns how many a row has. */
    void (*log_rows)(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *totals);
    ptrdiff_t (*factor_rows)(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *to);
    /* totals[i] += tile[i]; and totals[i] = tile[i] where that is larger. */
    void (*add_to)(const void *tile, ptrdiff_t count, double *totals);
    void (*max_to)(const void *tile, ptrdiff_t count, double *totals);
    /* tile[r*n .. r*n + n-1] = values[r]; up to 15 elements past the last are written too. */
    void (*fill_rows)(const double *values, ptrdiff_t n, ptrdiff_t rows, void *tile);
    fg_generate *generate;
    fg_kernel copy; /* out[0] = in[0] */
} fg_loops;

#endif
