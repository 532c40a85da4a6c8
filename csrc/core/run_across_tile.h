/* Rows that lie across memory: neighbours side by side, and the elements of each far apart, as in a
 * sum over the first axis. Taken row by row, every element would be loaded from a line of its own.
 * Here a tile is up to 16 elements, one for each partial sum, of as many rows as there is room for:
 * [element][row]. Sums are taken in the order of csrc/README.md, and so have the same bits.
 * Part of run.c. */
#ifndef FG_TILE_ACROSS_H
#define FG_TILE_ACROSS_H

#include "core/run_tile.h"

enum {
    CACHE_LINE = 64,
    RUN_ACROSS = 16,                  /* rows side by side: fewer are not worth it */
    WIDE_ACROSS = FG_TILE / FG_LANES, /* rows of a tile, where there are many blocks to add */
};

typedef struct {
    const run_plan *plan;
    fg_view rows[FG_MAX_OPERANDS], elements[FG_MAX_OPERANDS]; /* the batch, and a row */
    ptrdiff_t rows_per_tile, rows_per_item;
} across_plan;

typedef struct {
    position at;
    ptrdiff_t first, rows; /* of this tile */
    scratch tile;
    row_scratch of_rows; /* totals are partial sums first: [element % 16][row] */
    wide_sum chunk[FG_MAX_TERMS][WIDE_ACROSS], sum[FG_MAX_TERMS][WIDE_ACROSS];
} across_work;

static bool has_elements(const fg_problem *p, int k)
{
    return p->operand[k].data != NULL && (k < p->nin || !(p->summed >> (k - p->nin) & 1u));
}

static ptrdiff_t innermost(const fg_view *view)
{
    const ptrdiff_t stride = view->stride[view->ndim - 1];
    return stride < 0 ? -stride : stride;
}

static bool multiplies(const run_plan *plan)
{
    const fg_stage *stage = plan->staged ? plan->problem->kernel->stages : NULL;
    for (; stage && stage->map; stage++)
        if (stage->reduction == FG_LOG_PRODUCT)
            return true;
    return false;
}

/* For the usual call, whose arrays are contiguous, there is no more to find out. */
static bool may_lie_across(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    for (int k = 0; plan->n > 1 && plan->rows >= RUN_ACROSS && k < p->nin + p->nout; k++)
        if (has_elements(p, k) && plan->view[k].ndim > 1)
            return !multiplies(plan);
    return false;
}

/* Whether more bytes lie across than along rows. */
static bool lies_across(const run_plan *plan, across_plan *a)
{
    const fg_problem *p = plan->problem;
    ptrdiff_t gain = 0;
    for (int k = 0; k < p->nin + p->nout; k++) {
        const fg_operand *operand = &p->operand[k];
        if (!has_elements(p, k))
            continue;
        if (operand->dtype == FG_STREAM)
            return false;
        const int batch = p->batch_ndim;
        fg_view *const rows = &a->rows[k], *const elements = &a->elements[k];
        fg_view_init(rows, operand->data, operand->dtype, batch, p->shape, operand->stride);
        fg_view_init(elements, operand->data, operand->dtype, p->ndim - batch, p->shape + batch,
                     operand->stride + batch);
        const ptrdiff_t across = innermost(rows), along = innermost(elements);
        const ptrdiff_t size = fg_dtype_size(operand->dtype);
        const bool side_by_side =
            across != 0 && across < CACHE_LINE && rows->shape[rows->ndim - 1] >= RUN_ACROSS;
        if (side_by_side && along > across)
            gain += size;
        else if (along != 0 && along < across)
            gain -= size;
    }
    return gain > 0;
}

/* Elements first .. first + count - 1 of all rows of the tile, between an array and its buffer. */
static void move_across(const across_plan *a, across_work *w, int k, ptrdiff_t first,
                        ptrdiff_t count)
{
    const fg_problem *p = a->plan->problem;
    const fg_view *const elements = &a->elements[k], *const rows = &a->rows[k];
    const ptrdiff_t stride = rows->stride[0], bytes = w->rows * p->loops->real_size;
    char *tile = w->tile.body[k];
    fg_cursor cursor;
    fg_cursor_init(&cursor, elements, first);
    for (ptrdiff_t j = 0; j < count; j++, tile += bytes) {
        const ptrdiff_t offset = cursor.address - elements->data;
        char *const address = cursor.address + w->first * stride; /* where rows are one run */
        if (rows->ndim > 1 && k < p->nin)
            fg_view_load_at(rows, offset, p->loops, w->first, w->rows, tile);
        else if (rows->ndim > 1)
            fg_view_store_at(rows, offset, p->loops, w->first, w->rows, tile);
        else if (k < p->nin)
            p->loops->load(rows->dtype, address, stride, w->rows, tile);
        else
            p->loops->store(rows->dtype, address, stride, w->rows, tile);
        if (j + 1 < count)
            fg_cursor_advance(&cursor, elements, 1);
    }
}

/* Room for `count` elements of all rows, of every operand, term and number of state. */
static void place_across(const across_plan *a, across_work *w, ptrdiff_t count)
{
    const fg_problem *p = a->plan->problem;
    const fg_stage *stage = w->at.stage;
    const ptrdiff_t size = p->loops->real_size, all = count * w->rows;
    const int terms = p->nin + p->nout, states = terms + (stage ? stage->terms : 0);
    scratch *const s = &w->tile;
    s->left = all % FG_LANES, s->whole = all - s->left;
    for (int k = 0; k < states + (stage ? stage->reads : 0); k++) {
        s->body[k] = (char *)s->buffer[k];
        s->tail[k] = s->body[k] + s->whole * size;
        if (s->left) /* lanes that mean nothing, yet must not be slow */
            memset(s->tail[k], 0, (size_t)(FG_LANES * size));
    }
}

static void load_state_across(const across_plan *a, across_work *w, ptrdiff_t count)
{
    const fg_problem *p = a->plan->problem;
    const ptrdiff_t bytes = w->rows * p->loops->real_size;
    const enum fg_dtype real = p->loops == p->wide ? FG_F64 : FG_F32;
    for (int i = 0; w->at.stage && i < w->at.stage->reads; i++) {
        char *const to = w->tile.body[p->nin + p->nout + w->at.stage->terms + i];
        p->wide->store(real, to, p->loops->real_size, w->rows, w->of_rows.state[i]);
        for (ptrdiff_t j = 1; j < count; j++)
            memcpy(to + j * bytes, to, (size_t)bytes);
    }
}

/* A tile, and its terms to the partial sums. */
static void run_tile_across(const across_plan *a, across_work *w, ptrdiff_t first, ptrdiff_t count)
{
    const run_plan *plan = a->plan;
    const fg_problem *p = plan->problem;
    place_across(a, w, count);
    for (int k = 0; k < p->nin; k++)
        move_across(a, w, k, first, count);
    load_state_across(a, w, count);
    map_tile(plan, &w->at, &w->tile);
    for (int k = p->nin; w->at.last && k < p->nin + p->nout; k++)
        if (has_elements(p, k))
            move_across(a, w, k, first, count);
    for (int t = 0; t < term_count(plan, &w->at); t++) {
        const void *const terms = w->tile.buffer[term_buffer(plan, &w->at, t)];
        if (is_largest(&w->at))
            p->loops->max_to(terms, count * w->rows, w->of_rows.total[t]);
        else
            p->loops->add_to(terms, count * w->rows, w->of_rows.total[t]);
    }
}

#endif
