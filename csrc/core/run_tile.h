/* How one tile is computed: load, map, reduce, store. Shared by the files run_*.c. */
#ifndef FG_CORE_RUN_TILE_H
#define FG_CORE_RUN_TILE_H

#include "core/run_plan.h"

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
    /* Loops write up to a group past a tile. Half a page more: tiles of half a page, at the same
     * place of each slot, would fill the same half of L1's sets. */
    FG_SLOT = (FG_TILE + FG_LANES) * (int)sizeof(double) + 2048,
    FG_GROUP = FG_LANES * (int)sizeof(double),
};

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

/* The totals of all terms of a stage that has sums: of `count` elements of the tile, from `first`
 * on, which are of one row. */
void fg_sum_block(const run_plan *plan, const position *at, const tile_work *work, ptrdiff_t first,
                  ptrdiff_t count, double *const *state, ptrdiff_t row, double *totals);

/* The totals of one term, of rows of n elements. */
void fg_reduce(const run_plan *plan, const position *at, const tile_work *work, int term,
               ptrdiff_t n, ptrdiff_t rows, double *totals);

static inline bool fg_is_largest(const position *at)
{
    return at->stage->reduction == FG_MAX;
}

/* Turn the totals into the state. Returns the numbers that outputs "()" are the first of: the
 * state, or the totals themselves where nothing closes them. */
double *const *fg_close_stage(const run_plan *plan, position *at, double *const *totals,
                              double *const *state, ptrdiff_t rows);

/* Outputs per row, of `rows` rows from `first` on. */
void fg_store_rows(const run_plan *plan, double *const *values, ptrdiff_t first, ptrdiff_t rows);

/* Outputs per element that are in their slots. */
void fg_store_elements(const run_plan *plan, const tile_work *work, ptrdiff_t start,
                       ptrdiff_t count);

#endif
