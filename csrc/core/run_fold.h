/* A stage's own way through rows, which maps and sums at once: core/fold.h. */
#ifndef FG_CORE_RUN_FOLD_H
#define FG_CORE_RUN_FOLD_H

#include "core/run_plan.h"

/* Whether the stage has a fold, and rows are one array against constants, of which the sum and at
 * most the array's gradient are wanted. */
bool fg_may_fold(const run_plan *plan, const position *at);

/* The constants of the row that has element `start`: inputs, and what the stage reads of the state
 * of row `row` of the tile or wave. */
void fg_load_constants(const run_plan *plan, const position *at, ptrdiff_t start,
                       double *const *state, ptrdiff_t row, double *constants);

/* The total of `count` elements from `start` on, which are of one row. */
double fg_fold_block(const run_plan *plan, const position *at, const double *constants,
                     ptrdiff_t start, ptrdiff_t count);

#endif
