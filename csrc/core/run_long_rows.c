/* Rows longer than a tile: in chunks, whose totals are joined in order. */
#include <stdlib.h>

#include "core/compensated_sum.h"
#include "core/fpenv.h"
#include "core/run_fold.h"
#include "core/run_ways.h"
#include "core/scratch.h"

/* A wave is as many rows as there is memory for: they go through a stage together. */
typedef struct {
    run_plan *plan;
    position at;
    ptrdiff_t chunk, chunks_per_row;
    ptrdiff_t first_row;                                /* of the wave */
    compensated_sum *partial;                           /* [chunks of the wave][terms] */
    double *totals[FG_MAX_TERMS], *state[FG_MAX_STATE]; /* [rows of the wave] */
} long_plan;

static void add_total(const position *at, double total, compensated_sum *sum)
{
    if (!fg_is_largest(at))
        compensated_add(sum, total);
    else if (total > sum->high)
        sum->high = total;
}

/* The first whole blocks of `count` elements of a row; returns how many elements these are. */
static ptrdiff_t fold_blocks(const long_plan *l, ptrdiff_t row, ptrdiff_t begin, ptrdiff_t count,
                             compensated_sum *sum)
{
    const ptrdiff_t start = (l->first_row + row) * l->plan->n + begin;
    const ptrdiff_t end = start + count / FG_TILE * FG_TILE;
    double constants[FG_MAX_OPERANDS];
    fg_load_constants(l->plan, &l->at, start, l->state, row, constants);
    for (ptrdiff_t i = start; i < end; i += FG_TILE)
        add_total(&l->at, fg_fold_block(l->plan, &l->at, constants, i, FG_TILE), sum);
    return end - start;
}

/* Up to a tile of a row: its totals are added to those of the chunk. */
static void run_block(const long_plan *l, tile_work *work, ptrdiff_t row, ptrdiff_t begin,
                      ptrdiff_t count, compensated_sum *totals)
{
    const run_plan *plan = l->plan;
    const position *at = &l->at;
    const ptrdiff_t start = (l->first_row + row) * plan->n + begin;
    fg_load_tile(plan, work, start, count);
    if (at->stage->sums != NULL) {
        double sums[FG_MAX_TERMS];
        fg_sum_block(plan, at, work, 0, count, l->state, row, sums);
        for (int t = 0; t < at->terms; t++)
            compensated_add(&totals[t], sums[t]);
        return;
    }
    fg_load_state(plan, at, work, l->state, row, count, 1);
    fg_map_tile(plan, at, work);
    if (at->last)
        fg_store_elements(plan, work, start, count);
    for (int t = 0; t < at->terms; t++) {
        double total;
        fg_reduce(plan, at, work, t, count, 1, &total);
        add_total(at, total, &totals[t]);
    }
}

/* An item is a chunk of a row, in the stage at work. */
static void run_chunk(void *context, ptrdiff_t item)
{
    const long_plan *l = context;
    run_plan *const plan = l->plan;
    void *const memory = fg_scratch_take(fg_tile_bytes(plan));
    if (memory == NULL) {
        atomic_store(&plan->no_memory, true);
        return;
    }
    tile_work work;
    fg_place_tiles(plan, memory, &work);
    compensated_sum *const totals = l->partial + item * l->at.terms;
    const ptrdiff_t row = item / l->chunks_per_row;
    ptrdiff_t begin = item % l->chunks_per_row * l->chunk;
    const ptrdiff_t end = plan->n - begin < l->chunk ? plan->n : begin + l->chunk;
    for (int t = 0; t < l->at.terms; t++)
        totals[t] = (compensated_sum){fg_is_largest(&l->at) ? -INFINITY : 0, 0};
    if (fg_may_fold(plan, &l->at))
        begin += fold_blocks(l, row, begin, end - begin, totals);
    for (ptrdiff_t i = begin; i < end; i += FG_TILE)
        run_block(l, &work, row, i, end - i < FG_TILE ? end - i : FG_TILE, totals);
    fg_scratch_give(memory);
}

/* The totals of each row of a wave, from those of its chunks. */
static void join_chunks(const long_plan *l, ptrdiff_t rows)
{
    const int terms = l->at.terms;
    const bool largest = fg_is_largest(&l->at);
    for (int t = 0; t < terms; t++)
        for (ptrdiff_t r = 0; r < rows; r++) {
            compensated_sum sum = {largest ? -INFINITY : 0, 0};
            for (ptrdiff_t c = 0; c < l->chunks_per_row; c++) {
                const compensated_sum part = l->partial[(r * l->chunks_per_row + c) * terms + t];
                if (!largest)
                    compensated_join(&sum, part);
                else if (part.high > sum.high)
                    sum.high = part.high;
            }
            l->totals[t][r] = compensated_total(sum);
        }
}

/* One wave, through all stages. */
static enum fg_result run_wave(long_plan *l, ptrdiff_t rows, fg_poll *poll)
{
    run_plan *const plan = l->plan;
    const bool large = rows * plan->n >= FG_LARGE_ELEMENTS;
    double *const *values;
    fg_first_stage(&l->at, plan);
    do {
        const enum fg_result result =
            fg_run_items(run_chunk, l, rows * l->chunks_per_row, large, poll, &plan->no_memory);
        if (result != FG_DONE)
            return result;
        const fg_fpenv saved = fg_fpenv_pin(); /* items pin it themselves */
        join_chunks(l, rows);
        values = fg_close_stage(plan, &l->at, l->totals, l->state, rows);
        fg_fpenv_restore(saved);
    } while (fg_next_stage(&l->at, plan));
    const fg_fpenv saved = fg_fpenv_pin();
    fg_store_rows(plan, values, l->first_row, rows);
    fg_fpenv_restore(saved);
    return FG_DONE;
}

enum fg_result fg_run_long_rows(run_plan *plan, fg_poll *poll)
{
    long_plan l = {.plan = plan, .chunk = fg_chunk_of_row(plan->n)};
    l.chunks_per_row = (plan->n + l.chunk - 1) / l.chunk;
    ptrdiff_t wave = FG_CHUNKS_PER_ROW / l.chunks_per_row;
    if (wave > plan->rows)
        wave = plan->rows;
    const ptrdiff_t partials = wave * l.chunks_per_row * plan->max_terms;
    const size_t of_rows = sizeof(double) * (size_t)(wave * (plan->max_terms + plan->max_states));
    /* On the heap: signal handlers run between items, and long rows may need megabytes. */
    char *const memory = malloc(sizeof *l.partial * (size_t)partials + of_rows + 1);
    if (memory == NULL)
        return FG_NO_MEMORY;
    l.partial = (void *)memory;
    double *numbers = (double *)(l.partial + partials);
    for (int t = 0; t < plan->max_terms; t++, numbers += wave)
        l.totals[t] = numbers;
    for (int i = 0; i < plan->max_states; i++, numbers += wave)
        l.state[i] = numbers;
    enum fg_result result = FG_DONE;
    for (l.first_row = 0; l.first_row < plan->rows && result == FG_DONE; l.first_row += wave)
        result =
            run_wave(&l, plan->rows - l.first_row < wave ? plan->rows - l.first_row : wave, poll);
    free(memory);
    return result;
}
