/* What the files run_*.c share: how a call is planned, and how one tile is computed. Nothing
 * outside them includes this.
 *
 *   run.c            plans a call and chooses the way that it goes
 *   run_plan.c       where operands lie, how rows are cut, who runs the items
 *   run_tile.c       a tile: load, map, reduce, store
 *   run_rows.c       the way of rows that fit in a tile
 *   run_plain.c      the way of elementwise operations on arrays as they lie
 *   run_long_rows.c  the way of rows longer than a tile
 *   run_across.c, run_across_tile.c   the way of rows that lie across memory
 */
#ifndef FG_CORE_RUN_INTERNAL_H
#define FG_CORE_RUN_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/compensated_sum.h"
#include "core/run.h"
#include "core/view.h"

/* The stage at work. */
typedef struct {
    const fg_stage *stage, *wide; /* in the precision of the computation, and in double */
    int terms;                    /* how many numbers it reduces a row to */
    bool last;                    /* it writes the outputs "(n)" */
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
    bool direct[FG_MAX_OPERANDS]; /* the map works on the array itself */
    bool stream[FG_MAX_OPERANDS]; /* the output is written past the caches */
    atomic_bool no_memory;        /* a thread found no scratch */
} run_plan;

/* A thread's tiles. Slot k is a tile of operand k; behind the operands come the terms of a stage,
 * then the state that it reads. (The terms of a map that is a whole operation are its summed
 * outputs, and lie in their slots.) body[k] is where the map finds slot k: in the slot, or in the
 * array itself. The elements after the last whole group of FG_LANES are at tail[k], in a group of
 * their own, so that no array is touched past its end and the map needs no remainder. */
typedef struct {
    char *memory, *last_groups;
    char *body[FG_MAX_SLOTS], *tail[FG_MAX_SLOTS];
    ptrdiff_t whole, left;
    ptrdiff_t constant[FG_MAX_OPERANDS]; /* elements of the slot that hold an input's one value */
} tile_work;

/* What rows are reduced to: FG_TILE numbers each. */
typedef struct {
    double *totals[FG_MAX_TERMS], *states[FG_MAX_STATE];
} row_work;

enum {
    FG_SLOT = (FG_TILE + FG_LANES) *
        (int)sizeof(double), /* loops write up to a group past a tile */
    FG_GROUP = FG_LANES * (int)sizeof(double),
};

/* Whether the operation is one map, whose summed outputs are its terms. */
static inline bool fg_is_map(const fg_stage *stages)
{
    return stages->terms == FG_SUMMED_OUTPUTS;
}

static inline void fg_start_stage(position *at, const run_plan *plan)
{
    at->terms = fg_is_map(at->stage) ? __builtin_popcount(plan->problem->summed) : at->stage->terms;
    at->last = at->stage[1].map == NULL;
}

static inline void fg_first_stage(position *at, const run_plan *plan)
{
    at->stage = plan->stages;
    at->wide = plan->wide_stages;
    fg_start_stage(at, plan);
}

/* To the stage after this one; false after the last. */
static inline bool fg_next_stage(position *at, const run_plan *plan)
{
    if (at->last)
        return false;
    at->stage++, at->wide++;
    fg_start_stage(at, plan);
    return true;
}

/* run_plan.c */

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

/* run_tile.c */

static inline void *fg_slot(const tile_work *work, int k)
{
    return work->memory + (ptrdiff_t)k * FG_SLOT;
}

/* Bytes of a thread's tiles and rows, and the same bytes divided up. */
size_t fg_tile_bytes(const run_plan *plan);
void fg_place_tiles(const run_plan *plan, void *memory, tile_work *work);
size_t fg_row_bytes(const run_plan *plan);
void fg_place_rows(const run_plan *plan, void *memory, row_work *rows);

/* Where the term of a stage lies. */
int fg_term_slot(const run_plan *plan, const position *at, int term);

/* Elements start .. start + count - 1 of every input, and room for the outputs. */
void fg_load_tile(const run_plan *plan, tile_work *work, ptrdiff_t start, ptrdiff_t count);

/* Room for the terms of a stage, and the state of `rows` rows of n elements, one value each
 * repeated over the row. */
void fg_load_state(const run_plan *plan, const position *at, tile_work *work, double *const *state,
                   ptrdiff_t first, ptrdiff_t n, ptrdiff_t rows);

/* Map the tile. Outputs that are not direct are left in their slots. */
void fg_map_tile(const run_plan *plan, const position *at, tile_work *work);

/* The totals of one term, of rows of n elements. */
void fg_reduce(const run_plan *plan, const position *at, const tile_work *work, int term,
               ptrdiff_t n, ptrdiff_t rows, double *totals);

static inline bool fg_is_largest(const position *at)
{
    return at->stage->reduction == FG_MAX;
}

/* Turn the totals into the state. Returns the numbers that outputs "()" are the first of: the
 * state, or the totals themselves where nothing closes them. */
double *const *fg_close_stage(const run_plan *plan, const position *at, double *const *totals,
                              double *const *state, ptrdiff_t rows);

/* Outputs per row, of `rows` rows from `first` on. */
void fg_store_rows(const run_plan *plan, double *const *values, ptrdiff_t first, ptrdiff_t rows);

/* Outputs per element that are in their slots. */
void fg_store_elements(const run_plan *plan, const tile_work *work, ptrdiff_t start,
                       ptrdiff_t count);

/* The ways; each first sets what it needs of the plan. */

void fg_run_empty_rows(run_plan *plan);
ptrdiff_t fg_plan_rows(run_plan *plan); /* returns how many items there are */
void fg_run_tile_of_rows(const run_plan *plan, tile_work *work, row_work *of_rows, ptrdiff_t row,
                         ptrdiff_t rows);
enum fg_result fg_run_rows(run_plan *plan, fg_poll *poll);

bool fg_is_plain(const run_plan *plan);
enum fg_result fg_run_plain(run_plan *plan, fg_poll *poll);

enum fg_result fg_run_long_rows(run_plan *plan, fg_poll *poll);

bool fg_lies_across(const run_plan *plan);
enum fg_result fg_run_across(run_plan *plan, fg_poll *poll);

#endif
