/* Runs one operation, or derivative, over arrays of any layout: tiles, sums and threads. */
#ifndef FG_CORE_RUN_H
#define FG_CORE_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "core/loops.h"
#include "core/op.h"
#include "core/pool.h"

typedef struct {
    char *data; /* NULL: an output that is not wanted */
    enum fg_dtype dtype;
    ptrdiff_t stride[FG_MAX_DIMS]; /* bytes, for each dimension of the problem */
} fg_operand;

/* The iteration space is `shape`: batch dimensions first, then the dimensions of a row. An output
 * that is summed over rows has strides for the batch dimensions only. An output may be exactly an
 * input (the same data and layout); otherwise it overlaps no other operand. */
typedef struct {
    const fg_kernel *kernel; /* and its loops, of the precision to compute in */
    const fg_loops *loops;
    const fg_kernel *wide_kernel; /* the same of double, for sums and what closes a stage */
    const fg_loops *wide;
    int nin, nout;
    uint32_t summed; /* bit j: output j is summed over the row */
    int ndim, batch_ndim;
    ptrdiff_t shape[FG_MAX_DIMS];
    fg_operand operand[FG_MAX_OPERANDS]; /* inputs, then outputs */
} fg_problem;

/* How a call ended. From FG_MANY_DIMS on: an argument is wrong, and nothing was written. */
enum fg_result {
    FG_DONE,
    FG_STOPPED,
    FG_NO_MEMORY,
    FG_TOO_LARGE,
    FG_MANY_DIMS,     /* an operand has more dimensions than FG_MAX_DIMS */
    FG_DTYPE,         /* a stream where none is taken */
    FG_SHAPES,        /* the inputs do not broadcast together */
    FG_ROW_SHAPE,     /* an input does not broadcast to the shape of one value per row */
    FG_AXIS,          /* an axis is out of range */
    FG_REPEATED_AXIS, /* an axis is given twice */
    FG_CORE_NDIM,     /* an input has fewer dimensions than its core */
    FG_CORE_SIZE,     /* two inputs differ in the length of a core dimension */
    FG_BATCHES,       /* the batch dimensions of a lane kernel do not broadcast together */
    FG_OUT_SHAPE,     /* an output does not have the shape of the result */
};

/* poll, if not NULL, is asked now and then whether to stop. FG_STOPPED: outputs are half written.
 */
enum fg_result fg_run(const fg_problem *problem, fg_poll *poll);

#endif
