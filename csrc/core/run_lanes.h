/* Runs a lane kernel over batches of any layout: groups of FG_LANES problems, and threads. */
#ifndef FG_CORE_RUN_LANES_H
#define FG_CORE_RUN_LANES_H

#include "core/run.h"

enum { FG_MAX_OPERAND_CORE = 2 }; /* core dimensions of one operand */

typedef struct {
    char *data; /* NULL: an output that is not wanted */
    enum fg_dtype dtype;
    int core_ndim;
    int core[FG_MAX_OPERAND_CORE]; /* which core dimension each is */
    ptrdiff_t core_stride[FG_MAX_OPERAND_CORE];
    ptrdiff_t stride[FG_MAX_DIMS]; /* for each batch dimension; all strides are bytes */
} fg_lane_operand;

/* An output may be exactly an input (the same data and layout); otherwise it overlaps no other
 * operand. */
typedef struct {
    fg_lane_kernel *kernel;
    const fg_loops *loops; /* of the precision to compute in */
    const double *options;
    int nin, nout;
    ptrdiff_t size[FG_MAX_CORE];
    int ndim; /* of the batch */
    ptrdiff_t shape[FG_MAX_DIMS];
    fg_lane_operand operand[FG_MAX_OPERANDS]; /* inputs, then outputs */
} fg_lane_problem;

/* As fg_run. */
enum fg_result fg_run_lanes(const fg_lane_problem *problem, fg_poll *poll);

#endif
