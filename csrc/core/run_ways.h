/* The ways of a call. run.c chooses one; each first sets what it needs of the plan. */
#ifndef FG_CORE_RUN_WAYS_H
#define FG_CORE_RUN_WAYS_H

#include "core/run_tile.h"

/* run_rows.c: rows that fit in a tile, and those of no elements. */
void fg_run_empty_rows(run_plan *plan);
ptrdiff_t fg_plan_rows(run_plan *plan); /* returns how many items there are */
void fg_run_tile_of_rows(const run_plan *plan, tile_work *work, row_work *of_rows, ptrdiff_t row,
                         ptrdiff_t rows);
enum fg_result fg_run_rows(run_plan *plan, fg_poll *poll);

/* run_plain.c: elementwise operations on arrays as they lie. */
bool fg_is_plain(const run_plan *plan);
enum fg_result fg_run_plain(run_plan *plan, fg_poll *poll);

/* run_long_rows.c: rows longer than a tile. */
enum fg_result fg_run_long_rows(run_plan *plan, fg_poll *poll);

/* run_across.c, run_across_tile.c: rows that lie across memory. */
bool fg_lies_across(const run_plan *plan);
enum fg_result fg_run_across(run_plan *plan, fg_poll *poll);

#endif
