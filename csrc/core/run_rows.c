#include <math.h>

#include "core/run_fold.h"
#include "core/run_ways.h"
#include "core/scratch.h"

enum {
    /* What a thread claims at a time, where rows are short: tiles enough that claiming costs
     * little, but at least FAIR_ITEMS items, so that all threads end together; of a large array,
     * long runs of memory. */
    MIN_TILES_PER_ITEM = 8,
    MAX_TILES_PER_ITEM = 512,
    FAIR_ITEMS = 32,
};

static void fold_rows(const run_plan *plan, const position *at, ptrdiff_t row, ptrdiff_t rows,
                      row_work *of_rows)
{
    double constants[FG_MAX_OPERANDS];
    for (ptrdiff_t r = 0; r < rows; r++) {
        const ptrdiff_t start = (row + r) * plan->n;
        fg_load_constants(plan, at, start, of_rows->states, r, constants);
        of_rows->totals[0][r] = fg_fold_block(plan, at, constants, start, plan->n);
    }
}

static void sum_rows(const run_plan *plan, const position *at, tile_work *work, ptrdiff_t rows,
                     row_work *of_rows)
{
    double totals[FG_MAX_TERMS];
    for (ptrdiff_t r = 0; r < rows; r++) {
        fg_sum_block(plan, at, work, r * plan->n, plan->n, of_rows->states, r, totals);
        for (int t = 0; t < at->terms; t++)
            of_rows->totals[t][r] = totals[t];
    }
}

static void map_rows(const run_plan *plan, const position *at, tile_work *work, ptrdiff_t rows,
                     row_work *of_rows)
{
    const ptrdiff_t n = plan->n;
    fg_load_state(plan, at, work, of_rows->states, 0, n, rows);
    fg_map_tile(plan, at, work);
    for (int t = 0; t < at->terms; t++)
        fg_reduce(plan, at, work, t, n, rows, of_rows->totals[t]);
}

void fg_run_tile_of_rows(const run_plan *plan, tile_work *work, row_work *of_rows, ptrdiff_t row,
                         ptrdiff_t rows)
{
    const ptrdiff_t n = plan->n;
    double *const *values;
    bool loaded = false;
    position at;
    fg_first_stage(&at, plan);
    do {
        if (n % FG_FOLD_STEP == 0 && fg_may_fold(plan, &at)) {
            fold_rows(plan, &at, row, rows, of_rows);
        } else {
            if (!loaded)
                fg_load_tile(plan, work, row * n, rows * n);
            loaded = true;
            (at.stage->sums != NULL ? sum_rows : map_rows)(plan, &at, work, rows, of_rows);
        }
        values = fg_close_stage(plan, &at, of_rows->totals, of_rows->states, rows);
    } while (fg_next_stage(&at, plan));
    if (loaded)
        fg_store_elements(plan, work, row * n, rows * n);
    if (plan->problem->summed != 0)
        fg_store_rows(plan, values, row, rows);
}

/* An item is some tiles of whole rows each. */
static void run_item(void *context, ptrdiff_t item)
{
    run_plan *const plan = context;
    char *const memory = fg_scratch_take(fg_tile_bytes(plan) + fg_row_bytes(plan));
    if (memory == NULL) {
        atomic_store(&plan->no_memory, true);
        return;
    }
    tile_work work;
    row_work of_rows;
    fg_place_tiles(plan, memory, &work);
    fg_place_rows(plan, memory + fg_tile_bytes(plan), &of_rows);
    const ptrdiff_t begin = item * plan->rows_per_item;
    const ptrdiff_t end =
        plan->rows - begin < plan->rows_per_item ? plan->rows : begin + plan->rows_per_item;
    for (ptrdiff_t row = begin; row < end; row += plan->rows_per_tile) {
        const ptrdiff_t rows = end - row < plan->rows_per_tile ? end - row : plan->rows_per_tile;
        fg_run_tile_of_rows(plan, &work, &of_rows, row, rows);
    }
    fg_scratch_give(memory);
}

static ptrdiff_t greatest_common_divisor(ptrdiff_t a, ptrdiff_t b)
{
    return b == 0 ? a : greatest_common_divisor(b, a % b);
}

/* How many rows go in a tile: a number whose elements fill whole groups, where there is one. Small
 * calls do without divisions, which are most of the time of planning. */
ptrdiff_t fg_plan_rows(run_plan *plan)
{
    plan->rows_per_tile = plan->rows_per_item = plan->rows;
    if (plan->rows * plan->n <= FG_TILE)
        return 1;
    plan->rows_per_tile = FG_TILE / plan->n;
    const ptrdiff_t even = FG_LANES / greatest_common_divisor(plan->n, FG_LANES);
    if (plan->rows_per_tile >= even)
        plan->rows_per_tile -= plan->rows_per_tile % even;
    ptrdiff_t tiles = plan->rows / plan->rows_per_tile / FAIR_ITEMS;
    tiles = tiles < MIN_TILES_PER_ITEM ? MIN_TILES_PER_ITEM : tiles;
    tiles = tiles > MAX_TILES_PER_ITEM ? MAX_TILES_PER_ITEM : tiles;
    plan->rows_per_item = plan->rows_per_tile * tiles;
    return (plan->rows + plan->rows_per_item - 1) / plan->rows_per_item;
}

enum fg_result fg_run_rows(run_plan *plan, fg_poll *poll)
{
    const ptrdiff_t items = fg_plan_rows(plan);
    return fg_run_items(run_item, plan, items, plan->rows * plan->n >= FG_LARGE_ELEMENTS, poll,
                        &plan->no_memory);
}

/* Rows of no elements: a sum is 0, the largest term is -infinity. All rows give the same. */
void fg_run_empty_rows(run_plan *plan)
{
    double total[FG_MAX_TERMS], state[FG_MAX_STATE];
    row_work of_row;
    double *const *values;
    position at;
    for (int t = 0; t < FG_MAX_TERMS; t++)
        of_row.totals[t] = &total[t];
    for (int i = 0; i < FG_MAX_STATE; i++)
        of_row.states[i] = &state[i];
    fg_first_stage(&at, plan);
    do {
        for (int t = 0; t < at.terms; t++)
            total[t] = fg_is_largest(&at) ? -INFINITY : 0;
        values = fg_close_stage(plan, &at, of_row.totals, of_row.states, 1);
    } while (fg_next_stage(&at, plan));
    for (ptrdiff_t row = 0; row < plan->rows; row++)
        fg_store_rows(plan, values, row, 1);
}
