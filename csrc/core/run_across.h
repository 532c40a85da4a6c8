/* Rows that lie across memory: tiles of them into blocks, blocks into chunks, chunks into totals,
 * in the order of all other rows. Part of run.c. */
#ifndef FG_RUN_ACROSS_H
#define FG_RUN_ACROSS_H

#include <stdlib.h>

#include "core/run_across_tile.h"

enum { ITEM_ACROSS = 8 * FG_TILE }; /* elements that a thread claims, at least */

/* Partial sums 8 apart, then 4, 2, 1: as in core/sum.h. Those of a row of fewer elements are
 * nothing, but that 0 + -0 is 0. */
static void join_lanes(double *partial, ptrdiff_t rows, ptrdiff_t lanes, bool largest)
{
    for (ptrdiff_t apart = FG_LANES / 2; apart > 0; apart /= 2)
        for (ptrdiff_t j = 0; j < apart && j + apart < lanes; j++) {
            double *const x = partial + j * rows;
            const double *const y = partial + (j + apart) * rows;
            for (ptrdiff_t r = 0; largest && r < rows; r++)
                x[r] = x[r] > y[r] ? x[r] : y[r];
            for (ptrdiff_t r = 0; !largest && r < rows; r++)
                x[r] += y[r];
        }
    for (ptrdiff_t r = 0; !largest && r < rows; r++)
        partial[r] += 0.0;
}

/* A block of up to FG_TILE elements of each row: their totals. What fills no group comes first. */
static void run_block_across(const across_plan *a, across_work *w, ptrdiff_t begin, ptrdiff_t count)
{
    const bool largest = is_largest(&w->at);
    const int terms = term_count(a->plan, &w->at);
    const ptrdiff_t left = count % FG_LANES, lanes = count < FG_LANES ? count : FG_LANES;
    for (int t = 0; t < terms; t++)
        for (ptrdiff_t i = 0; i < lanes * w->rows; i++)
            w->of_rows.total[t][i] = largest ? -INFINITY : 0.0;
    if (left)
        run_tile_across(a, w, begin + count - left, left);
    for (ptrdiff_t i = 0; i < count - left; i += FG_LANES)
        run_tile_across(a, w, begin + i, FG_LANES);
    for (int t = 0; t < terms; t++)
        join_lanes(w->of_rows.total[t], w->rows, lanes, largest);
}

/* Add the totals of a block, or of a chunk, to those of what it is part of. */
static void add_block(const across_work *w, int t, wide_sum *sums)
{
    const bool largest = is_largest(&w->at);
    for (ptrdiff_t r = 0; r < w->rows; r++) {
        const double total = w->of_rows.total[t][r];
        if (!largest)
            wide_add(&sums[r], total);
        else if (total > sums[r].high)
            sums[r].high = total;
    }
}

static void add_chunk(across_work *w, int t)
{
    const bool largest = is_largest(&w->at);
    for (ptrdiff_t r = 0; r < w->rows; r++) {
        const wide_sum part = w->chunk[t][r];
        wide_sum *const sum = &w->sum[t][r];
        if (largest) {
            sum->high = part.high > sum->high ? part.high : sum->high;
        } else {
            wide_join(sum, part);
        }
    }
}

static void clear_sums(const across_work *w, wide_sum *sums)
{
    for (ptrdiff_t r = 0; r < w->rows; r++)
        sums[r] = (wide_sum){is_largest(&w->at) ? -INFINITY : 0, 0};
}

/* The totals of rows of many blocks, in chunks as in run_long_rows.h. */
static void run_blocks_across(const across_plan *a, across_work *w)
{
    const ptrdiff_t n = a->plan->n, chunk = chunk_of_row(n);
    const int terms = term_count(a->plan, &w->at);
    for (int t = 0; t < terms; t++)
        clear_sums(w, w->sum[t]);
    for (ptrdiff_t begin = 0; begin < n; begin += chunk) {
        const ptrdiff_t end = n - begin < chunk ? n : begin + chunk;
        for (int t = 0; t < terms; t++)
            clear_sums(w, w->chunk[t]);
        for (ptrdiff_t i = begin; i < end; i += FG_TILE) {
            run_block_across(a, w, i, end - i < FG_TILE ? end - i : FG_TILE);
            for (int t = 0; t < terms; t++)
                add_block(w, t, w->chunk[t]);
        }
        for (int t = 0; t < terms; t++)
            add_chunk(w, t);
    }
    for (int t = 0; t < terms; t++)
        for (ptrdiff_t r = 0; r < w->rows; r++)
            w->of_rows.total[t][r] = wide_total(w->sum[t][r]);
}

static void run_rows_across(void *context, ptrdiff_t item)
{
    const across_plan *a = context;
    const run_plan *plan = a->plan;
    across_work w;
    point_to_rows(&w.of_rows);
    const ptrdiff_t begin = item * a->rows_per_item;
    const ptrdiff_t end =
        plan->rows - begin < a->rows_per_item ? plan->rows : begin + a->rows_per_item;
    for (w.first = begin; w.first < end; w.first += w.rows) {
        w.rows = end - w.first < a->rows_per_tile ? end - w.first : a->rows_per_tile;
        first_stage(&w.at, plan);
        do {
            if (plan->n > FG_TILE)
                run_blocks_across(a, &w);
            else
                run_block_across(a, &w, 0, plan->n);
            close_stage(plan, &w.at, w.of_rows.totals, w.of_rows.states, w.rows);
        } while (next_stage(&w.at));
        store_rows(plan, w.of_rows.totals, w.of_rows.states, w.first, w.rows);
    }
}

static enum fg_result run_across(run_plan *plan, across_plan *a, fg_poll *poll)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t lanes = plan->n < FG_LANES ? plan->n : FG_LANES;
    const ptrdiff_t fair = (plan->rows / 2 + FG_LANES - 1) / FG_LANES * FG_LANES;
    a->plan = plan;
    a->rows_per_tile = FG_TILE / lanes / FG_LANES * FG_LANES;
    if (a->rows_per_tile > fair) /* few rows, but enough for two threads */
        a->rows_per_tile = fair;
    const ptrdiff_t tiles = ITEM_ACROSS / (a->rows_per_tile * plan->n);
    a->rows_per_item = a->rows_per_tile * (tiles < 1 ? 1 : tiles);
    for (int k = 0; k < p->nin + p->nout; k++)
        plan->direct[k] = plan->stream[k] = false;
    const ptrdiff_t items = (plan->rows + a->rows_per_item - 1) / a->rows_per_item;
    return run_items(run_rows_across, a, items, plan->rows * plan->n, poll);
}

/* Whether rows lie across; then *result is what came of them. The plan is large, and a thread's
 * stack may be small: so it is not there, and not made for the usual call. */
static bool ran_across(run_plan *plan, fg_poll *poll, enum fg_result *result)
{
    if (!may_lie_across(plan))
        return false;
    across_plan *const a = malloc(sizeof *a);
    *result = FG_NO_MEMORY;
    const bool across = a == NULL || lies_across(plan, a);
    if (a != NULL && across)
        *result = run_across(plan, a, poll);
    free(a);
    return across;
}

#endif
