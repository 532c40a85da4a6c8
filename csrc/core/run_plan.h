/* How a call is planned: where operands lie, how rows are cut, which stage is at work, and who runs
 * the items. Shared by the files run_*.c. */
#ifndef FG_CORE_RUN_PLAN_H
#define FG_CORE_RUN_PLAN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/run.h"
#include "core/view.h"

/* The stage at work. */
typedef struct {
    const fg_stage *stage, *wide; /* in the precision of the computation, and in double */
    int terms;                    /* how many numbers it reduces a row to */
    bool last;                    /* it writes the outputs "(n)" */
    bool cuts;                    /* it is a short cut that has served all rows */
} position;

/* One call: written before the first item runs, and only read by items. */
typedef struct {
    const fg_problem *problem;
    const fg_stage *stages, *wide_stages; /* in the precision of the computation, and in double */
    int max_terms, max_states;            /* of any stage */
    int slots;                            /* tiles that a thread needs */
    bool multiplies;                      /* some stage has FG_LOG_PRODUCT */
    ptrdiff_t rows, n;                    /* n elements each */
    ptrdiff_t rows_per_item, rows_per_tile;
    fg_view view[FG_MAX_OPERANDS];
    bool direct[FG_MAX_OPERANDS];   /* the map works on the array itself */
    bool stream[FG_MAX_OPERANDS];   /* the output is written past the caches */
    bool in_place[FG_MAX_OPERANDS]; /* it would be direct, but it is an input, and is copied */
    atomic_bool no_memory;          /* a thread found no scratch */
} run_plan;

/* Whether the operation is one map, whose summed outputs are its terms. */
static inline bool fg_is_map(const fg_stage *stages)
{
    return stages->terms == FG_SUMMED_OUTPUTS;
}

static inline void fg_start_stage(position *at, const run_plan *plan)
{
    at->terms = fg_is_map(at->stage) ? __builtin_popcount(plan->problem->summed) : at->stage->terms;
    at->last = fg_is_end(&at->stage[1]);
    at->cuts = false;
}

static inline void fg_first_stage(position *at, const run_plan *plan)
{
    at->stage = plan->stages;
    at->wide = plan->wide_stages;
    fg_start_stage(at, plan);
}

/* To the stage after this one, or after those that it saves; false after the last. */
static inline bool fg_next_stage(position *at, const run_plan *plan)
{
    const int steps = at->cuts ? 1 + at->stage->skips : 1;
    if (fg_is_end(&at->stage[steps]))
        return false;
    at->stage += steps, at->wide += steps;
    fg_start_stage(at, plan);
    return true;
}

/* The views of operands; whether maps work on the arrays themselves. */
void fg_plan_operands(run_plan *plan);

/* Where rows of over FG_TILE elements are cut: the length of a chunk. */
enum { FG_CHUNKS_PER_ROW = 8192 }; /* at most, so that the memory for their totals is bounded */
ptrdiff_t fg_chunk_of_row(ptrdiff_t n);

/* Whether operand k has a value per element, and is wanted. */
bool fg_has_elements(const fg_problem *problem, int k);

/* Run the items of a call, by several threads if it is `large`. */
enum fg_result fg_run_items(fg_task *task, void *context, ptrdiff_t items, bool large,
                            fg_poll *poll, atomic_bool *no_memory);
enum { FG_LARGE_ELEMENTS = 131072 }; /* below, threads cost more than they save: about 100 us */

#endif
