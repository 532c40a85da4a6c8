/* Rows longer than a tile: in chunks, whose totals are joined in order. Part of run.c. */
#ifndef FG_RUN_LONG_ROWS_H
#define FG_RUN_LONG_ROWS_H

#include <stdlib.h>

#include "core/run_tile.h"

/* Whether rows are one array against constants, of which the sum and at most the array's gradient
 * are wanted: what a fold is for. */
static bool may_fold(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    if (p->kernel->fold == NULL || !plan->direct[0])
        return false;
    for (int k = 1; k < p->nin; k++) {
        const fg_view *view = &plan->view[k];
        if (view->stride[view->ndim - 1] != 0 || view->shape[view->ndim - 1] % plan->n != 0)
            return false;
    }
    for (int j = 1; j < p->nout; j++)
        if (j == 1 ? !plan->direct[p->nin + j] : plan->view[p->nin + j].data != NULL)
            return false;
    return true;
}

/* The first whole blocks of `count` elements from `start` on; returns how many elements these are.
 */
static ptrdiff_t fold_blocks(const run_plan *plan, ptrdiff_t start, ptrdiff_t count, wide_sum *sum)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    double constants[FG_MAX_OPERANDS];
    for (int k = 1; k < p->nin; k++)
        fg_view_load(&plan->view[k], p->loops, start, 1, (char *)constants + (k - 1) * size);
    char *const gradient = p->nout > 1 ? plan->view[p->nin + 1].data : NULL;
    const ptrdiff_t end = start + count / FG_TILE * FG_TILE;
    for (ptrdiff_t i = start; i < end; i += FG_TILE)
        wide_add(sum, p->kernel->fold(plan->view[0].data + i * size, constants,
                                      gradient == NULL ? NULL : gradient + i * size, FG_TILE));
    return end - start;
}

/* A piece of a row longer than a tile, through one stage. Where rows are cut depends on their
 * length alone. */
static void run_chunk(void *context, ptrdiff_t item)
{
    const run_plan *plan = context;
    const position *at = &plan->at;
    scratch s;
    const int terms = term_count(plan, at);
    const bool largest = is_largest(at);
    wide_sum *totals = plan->partial + item * terms;
    const ptrdiff_t in_wave = item / plan->chunks_per_row;
    const ptrdiff_t row = plan->first / plan->chunks_per_row + in_wave;
    ptrdiff_t begin = item % plan->chunks_per_row * plan->chunk;
    const ptrdiff_t end = plan->n - begin < plan->chunk ? plan->n : begin + plan->chunk;
    for (int t = 0; t < terms; t++)
        totals[t] = (wide_sum){largest ? -INFINITY : 0, 0};
    if (plan->fold)
        begin += fold_blocks(plan, row * plan->n + begin, end - begin, &totals[0]);
    forget_constants(plan, &s);
    for (ptrdiff_t i = begin; i < end; i += FG_TILE) {
        const ptrdiff_t count = end - i < FG_TILE ? end - i : FG_TILE;
        load_tile(plan, &s, row * plan->n + i, count);
        if (at->stage)
            load_state(plan, at, &s, plan->state, in_wave, count, 1);
        map_tile(plan, at, &s);
        if (at->last)
            store_outputs(plan, &s, row * plan->n + i, count);
        for (int t = 0; t < terms; t++) {
            double total;
            reduce(plan, at, &s, t, count, 1, &total);
            if (largest)
                totals[t].high = total > totals[t].high ? total : totals[t].high;
            else
                wide_add(&totals[t], total);
        }
    }
}

/* The totals of each row of a wave, from those of its chunks. */
static void join_chunks(const run_plan *plan, ptrdiff_t rows)
{
    const position *at = &plan->at;
    const int terms = term_count(plan, at);
    const bool largest = is_largest(at);
    for (int t = 0; t < terms; t++)
        for (ptrdiff_t r = 0; r < rows; r++) {
            wide_sum sum = {largest ? -INFINITY : 0, 0};
            for (ptrdiff_t c = 0; c < plan->chunks_per_row; c++) {
                const wide_sum part = plan->partial[(r * plan->chunks_per_row + c) * terms + t];
                if (largest) {
                    sum.high = part.high > sum.high ? part.high : sum.high;
                } else {
                    wide_join(&sum, part);
                }
            }
            plan->totals[t][r] = wide_total(sum);
        }
}

/* Waves of rows, so that what is kept of them is bounded; each goes through all stages. */
static enum fg_result run_waves(run_plan *plan, ptrdiff_t wave, fg_poll *poll)
{
    enum fg_result result = FG_DONE;
    for (ptrdiff_t row = 0; row < plan->rows && result == FG_DONE; row += wave) {
        const ptrdiff_t rows = plan->rows - row < wave ? plan->rows - row : wave;
        plan->first = row * plan->chunks_per_row;
        first_stage(&plan->at, plan);
        do {
            result = run_items(run_chunk, plan, rows * plan->chunks_per_row, rows * plan->n, poll);
            if (result != FG_DONE)
                return result;
            join_chunks(plan, rows);
            close_stage(plan, &plan->at, plan->totals, plan->state, rows);
        } while (next_stage(&plan->at));
        store_rows(plan, plan->totals, plan->state, row, rows);
    }
    return result;
}

static enum fg_result run_long_rows(run_plan *plan, fg_poll *poll)
{
    plan->chunk = chunk_of_row(plan->n);
    plan->chunks_per_row = (plan->n + plan->chunk - 1) / plan->chunk;
    ptrdiff_t wave = CHUNKS_PER_ROW / plan->chunks_per_row; /* rows whose partial sums are kept */
    if (wave > plan->rows)
        wave = plan->rows;
    const ptrdiff_t partials = wave * plan->chunks_per_row * FG_MAX_TERMS;
    const size_t of_rows = sizeof(double) * (size_t)(wave * (FG_MAX_TERMS + FG_MAX_STATE));
    char *const memory = malloc(sizeof *plan->partial * (size_t)partials + of_rows);
    if (memory == NULL)
        return FG_NO_MEMORY;
    plan->partial = (void *)memory;
    double *numbers = (double *)(plan->partial + partials);
    for (int t = 0; t < FG_MAX_TERMS; t++, numbers += wave)
        plan->totals[t] = numbers;
    for (int i = 0; i < FG_MAX_STATE; i++, numbers += wave)
        plan->state[i] = numbers;
    plan->fold = may_fold(plan);
    const enum fg_result result = run_waves(plan, wave, poll);
    free(memory);
    return result;
}

#endif
