#include "core/run.h"

#include "core/run_across.h"
#include "core/run_long_rows.h"
#include "core/run_plain.h"

enum {
    /* What a thread claims at a time, where rows are short: enough to forget the claim, yet at
     * least ITEMS of them, so that all threads end together; of a large array, long runs of memory.
     */
    MIN_TILES_PER_ITEM = 8,
    MAX_TILES_PER_ITEM = 512,
    ITEMS = 32,
};

/* Many short rows: an item is some tiles of whole rows each. */
static void run_rows(void *context, ptrdiff_t item)
{
    const run_plan *plan = context;
    position at;
    scratch s;
    row_scratch of_rows;
    point_to_rows(&of_rows);
    const ptrdiff_t n = plan->n, begin = item * plan->rows_per_item;
    const ptrdiff_t end =
        plan->rows - begin < plan->rows_per_item ? plan->rows : begin + plan->rows_per_item;
    forget_constants(plan, &s);
    for (ptrdiff_t row = begin;; row += plan->rows_per_tile) {
        if (plan->plain)
            row = run_plain(plan, &s, row, end);
        if (row >= end)
            return;
        const ptrdiff_t rows = end - row < plan->rows_per_tile ? end - row : plan->rows_per_tile;
        load_tile(plan, &s, row * n, rows * n);
        first_stage(&at, plan);
        do {
            if (at.stage)
                load_state(plan, &at, &s, of_rows.states, 0, n, rows);
            map_tile(plan, &at, &s);
            for (int t = 0; t < term_count(plan, &at); t++)
                reduce(plan, &at, &s, t, n, rows, of_rows.total[t]);
            close_stage(plan, &at, of_rows.totals, of_rows.states, rows);
        } while (next_stage(&at));
        store_outputs(plan, &s, row * n, rows * n);
        store_rows(plan, of_rows.totals, of_rows.states, row, rows);
    }
}

static ptrdiff_t greatest_common_divisor(ptrdiff_t a, ptrdiff_t b)
{
    return b == 0 ? a : greatest_common_divisor(b, a % b);
}

/* Rows of no elements: their sums are 0, their largest -infinity. */
static void run_empty_rows(const run_plan *plan)
{
    position at;
    row_scratch of_row;
    point_to_rows(&of_row);
    first_stage(&at, plan);
    do {
        const bool largest = is_largest(&at);
        for (int t = 0; t < FG_MAX_TERMS; t++) {
            of_row.total[t][0] = largest ? -INFINITY : 0;
        }
        close_stage(plan, &at, of_row.totals, of_row.states, 1);
    } while (next_stage(&at));
    for (ptrdiff_t row = 0; row < plan->rows; row++)
        store_rows(plan, of_row.totals, of_row.states, row, 1);
}

enum fg_result fg_run(const fg_problem *problem, fg_poll *poll)
{
    run_plan plan;
    plan.problem = problem;
    plan.rows = 1, plan.n = 1;
    for (int d = 0; d < problem->ndim; d++) {
        ptrdiff_t *const product = d < problem->batch_ndim ? &plan.rows : &plan.n;
        if (__builtin_mul_overflow(*product, problem->shape[d], product))
            return FG_TOO_LARGE;
    }
    ptrdiff_t total;
    if (__builtin_mul_overflow(plan.rows, plan.n, &total))
        return FG_TOO_LARGE;
    if (plan.rows == 0)
        return FG_DONE;
    if (problem->summed == 0 && problem->kernel->stages == NULL &&
        total > 0) /* no row to keep together: as if each had one element */
        plan.rows = total, plan.n = 1;
    plan.staged = problem->kernel->stages && !(plan.n == 1 && problem->kernel->map);
    plan_operands(&plan, total);
    plan.plain = is_plain(&plan);
    if (plan.n == 0) {
        run_empty_rows(&plan);
        return FG_DONE;
    }
    enum fg_result result;
    if (ran_across(&plan, poll, &result))
        return result;
    if (plan.n > FG_TILE)
        return run_long_rows(&plan, poll);
    /* Rows a tile, a number whose elements fill whole groups of lanes where there is one. */
    plan.rows_per_tile = FG_TILE / plan.n;
    const ptrdiff_t even = FG_LANES / greatest_common_divisor(plan.n, FG_LANES);
    if (plan.rows_per_tile >= even)
        plan.rows_per_tile -= plan.rows_per_tile % even;
    ptrdiff_t tiles = plan.rows / plan.rows_per_tile / ITEMS;
    tiles = tiles < MIN_TILES_PER_ITEM ? MIN_TILES_PER_ITEM : tiles;
    tiles = tiles > MAX_TILES_PER_ITEM ? MAX_TILES_PER_ITEM : tiles;
    plan.rows_per_item = plan.rows_per_tile * tiles;
    const ptrdiff_t items = (plan.rows + plan.rows_per_item - 1) / plan.rows_per_item;
    return run_items(run_rows, &plan, items, total, poll);
}
