#include "core/run_across.h"
#include "core/scratch.h"

enum {
    CACHE_LINE = 64,
    MIN_ROWS_ACROSS = 16,                 /* side by side: fewer are not worth it */
    MAX_ROWS_SUMMED = FG_TILE / FG_LANES, /* of a tile, where there are many blocks to add */
    MIN_ELEMENTS_PER_ITEM = 8 * FG_TILE,
};

static ptrdiff_t innermost(const fg_view *view)
{
    const ptrdiff_t stride = view->stride[view->ndim - 1];
    return stride < 0 ? -stride : stride;
}

/* A quick no for the usual call, whose arrays are contiguous. */
static bool may_lie_across(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    if (plan->multiplies) /* a logarithm of a product has no partial sums */
        return false;
    for (int k = 0; plan->n > 1 && plan->rows >= MIN_ROWS_ACROSS && k < p->nin + p->nout; k++)
        if (fg_has_elements(p, k) && plan->view[k].ndim > 1)
            return true;
    return false;
}

/* Of operand k: its batch as one view, and the elements of its first row as another. */
static void view_across(const fg_problem *p, int k, fg_view *rows, fg_view *elements)
{
    const fg_operand *operand = &p->operand[k];
    const int batch = p->batch_ndim;
    fg_view_init(rows, operand->data, operand->dtype, batch, p->shape, operand->stride);
    fg_view_init(elements, operand->data, operand->dtype, p->ndim - batch, p->shape + batch,
                 operand->stride + batch);
}

/* Whether more bytes lie across than along rows. */
bool fg_lies_across(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    ptrdiff_t gain = 0;
    if (!may_lie_across(plan))
        return false;
    for (int k = 0; k < p->nin + p->nout; k++) {
        fg_view rows, elements;
        if (!fg_has_elements(p, k))
            continue;
        if (p->operand[k].dtype == FG_STREAM)
            return false;
        view_across(p, k, &rows, &elements);
        const ptrdiff_t across = innermost(&rows), along = innermost(&elements);
        const ptrdiff_t size = fg_dtype_size(p->operand[k].dtype);
        const bool side_by_side =
            across != 0 && across < CACHE_LINE && rows.shape[rows.ndim - 1] >= MIN_ROWS_ACROSS;
        if (side_by_side && along > across)
            gain += size;
        else if (along != 0 && along < across)
            gain -= size;
    }
    return gain > 0;
}

/* Partial sums 8 apart, then 4, 2, 1: as in core/sum.h. A row shorter than 16 has fewer partial
 * sums; the missing ones count as +0, which turns a sum of -0 into +0. */
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

/* The totals of a block: up to FG_TILE elements of each row. What fills no group comes first. */
static void run_block_across(const across_plan *a, across_work *w, ptrdiff_t begin, ptrdiff_t count)
{
    const bool largest = fg_is_largest(&w->at);
    const int terms = w->at.terms;
    const ptrdiff_t left = count % FG_LANES, lanes = count < FG_LANES ? count : FG_LANES;
    for (int t = 0; t < terms; t++)
        for (ptrdiff_t i = 0; i < lanes * w->rows; i++)
            w->of_rows.totals[t][i] = largest ? -INFINITY : 0.0;
    if (left)
        fg_run_tile_across(a, w, begin + count - left, left);
    for (ptrdiff_t i = 0; i < count - left; i += FG_LANES)
        fg_run_tile_across(a, w, begin + i, FG_LANES);
    for (int t = 0; t < terms; t++)
        join_lanes(w->of_rows.totals[t], w->rows, lanes, largest);
}

/* Add the totals of a block to those of its chunk. */
static void add_block(const across_work *w, int t)
{
    compensated_sum *const sums = w->chunk[t];
    const bool largest = fg_is_largest(&w->at);
    for (ptrdiff_t r = 0; r < w->rows; r++) {
        const double total = w->of_rows.totals[t][r];
        if (!largest)
            compensated_add(&sums[r], total);
        else if (total > sums[r].high)
            sums[r].high = total;
    }
}

/* Add the totals of a chunk to those of the row. */
static void add_chunk(const across_work *w, int t)
{
    const bool largest = fg_is_largest(&w->at);
    for (ptrdiff_t r = 0; r < w->rows; r++) {
        const compensated_sum part = w->chunk[t][r];
        compensated_sum *const sum = &w->sum[t][r];
        if (!largest)
            compensated_join(sum, part);
        else if (part.high > sum->high)
            sum->high = part.high;
    }
}

static void clear_sums(const across_work *w, compensated_sum *sums)
{
    for (ptrdiff_t r = 0; r < w->rows; r++)
        sums[r] = (compensated_sum){fg_is_largest(&w->at) ? -INFINITY : 0, 0};
}

/* The totals of rows of many blocks, in chunks as in run_long_rows.c. */
static void run_blocks_across(const across_plan *a, across_work *w)
{
    const ptrdiff_t n = a->plan->n, chunk = fg_chunk_of_row(n);
    const int terms = w->at.terms;
    for (int t = 0; t < terms; t++)
        clear_sums(w, w->sum[t]);
    for (ptrdiff_t begin = 0; begin < n; begin += chunk) {
        const ptrdiff_t end = n - begin < chunk ? n : begin + chunk;
        for (int t = 0; t < terms; t++)
            clear_sums(w, w->chunk[t]);
        for (ptrdiff_t i = begin; i < end; i += FG_TILE) {
            run_block_across(a, w, i, end - i < FG_TILE ? end - i : FG_TILE);
            for (int t = 0; t < terms; t++)
                add_block(w, t);
        }
        for (int t = 0; t < terms; t++)
            add_chunk(w, t);
    }
    for (int t = 0; t < terms; t++)
        for (ptrdiff_t r = 0; r < w->rows; r++)
            w->of_rows.totals[t][r] = compensated_total(w->sum[t][r]);
}

static size_t bytes_of_sums(const run_plan *plan)
{
    return 2 * (size_t)plan->max_terms * MAX_ROWS_SUMMED * sizeof(compensated_sum);
}

static void place_sums(const run_plan *plan, void *memory, across_work *w)
{
    compensated_sum *next = memory;
    for (int t = 0; t < plan->max_terms; t++, next += 2 * MAX_ROWS_SUMMED)
        w->chunk[t] = next, w->sum[t] = next + MAX_ROWS_SUMMED;
}

/* The rows of one tile, through all stages. */
static void run_rows_of_tile(const across_plan *a, across_work *w)
{
    const run_plan *plan = a->plan;
    double *const *values;
    fg_first_stage(&w->at, plan);
    do {
        if (plan->n > FG_TILE)
            run_blocks_across(a, w);
        else
            run_block_across(a, w, 0, plan->n);
        values = fg_close_stage(plan, &w->at, w->of_rows.totals, w->of_rows.states, w->rows);
    } while (fg_next_stage(&w->at, plan));
    fg_store_rows(plan, values, w->first, w->rows);
}

static void run_item(void *context, ptrdiff_t item)
{
    const across_plan *a = context;
    run_plan *const plan = a->plan;
    const size_t tiles = fg_tile_bytes(plan), rows = fg_row_bytes(plan);
    char *const memory = fg_scratch_take(tiles + rows + bytes_of_sums(plan));
    if (memory == NULL) {
        atomic_store(&plan->no_memory, true);
        return;
    }
    across_work w;
    fg_place_tiles(plan, memory, &w.tile);
    fg_place_rows(plan, memory + tiles, &w.of_rows);
    place_sums(plan, memory + tiles + rows, &w);
    const ptrdiff_t begin = item * a->rows_per_item;
    const ptrdiff_t end =
        plan->rows - begin < a->rows_per_item ? plan->rows : begin + a->rows_per_item;
    for (w.first = begin; w.first < end; w.first += w.rows) {
        w.rows = end - w.first < a->rows_per_tile ? end - w.first : a->rows_per_tile;
        run_rows_of_tile(a, &w);
    }
    fg_scratch_give(memory);
}

static enum fg_result run_planned(across_plan *a, fg_poll *poll)
{
    run_plan *const plan = a->plan;
    const fg_problem *p = plan->problem;
    const ptrdiff_t lanes = plan->n < FG_LANES ? plan->n : FG_LANES;
    const ptrdiff_t fair = (plan->rows / 2 + FG_LANES - 1) / FG_LANES * FG_LANES;
    a->rows_per_tile = FG_TILE / lanes / FG_LANES * FG_LANES;
    if (a->rows_per_tile > fair) /* few rows, but enough for two threads */
        a->rows_per_tile = fair;
    const ptrdiff_t tiles = MIN_ELEMENTS_PER_ITEM / (a->rows_per_tile * plan->n);
    a->rows_per_item = a->rows_per_tile * (tiles < 1 ? 1 : tiles);
    for (int k = 0; k < p->nin + p->nout; k++) {
        plan->direct[k] = plan->stream[k] = false;
        if (fg_has_elements(p, k))
            view_across(p, k, &a->rows[k], &a->elements[k]);
    }
    const ptrdiff_t items = (plan->rows + a->rows_per_item - 1) / a->rows_per_item;
    return fg_run_items(run_item, a, items, plan->rows * plan->n >= FG_LARGE_ELEMENTS, poll,
                        &plan->no_memory);
}

enum fg_result fg_run_across(run_plan *plan, fg_poll *poll)
{
    across_plan *const a = fg_scratch_take(sizeof *a);
    if (a == NULL)
        return FG_NO_MEMORY;
    a->plan = plan;
    const enum fg_result result = run_planned(a, poll);
    fg_scratch_give(a);
    return result;
}
