#include <string.h>

#include "core/cursor.h"
#include "core/run_across.h"

/* Elements first .. first + count - 1 of all rows of the tile, between an array and its slot. */
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
    const ptrdiff_t size = p->loops->real_size, all = count * w->rows;
    tile_work *const tile = &w->tile;
    tile->left = all % FG_LANES, tile->whole = all - tile->left;
    const int behind = fg_is_map(w->at.stage) ? 0 : w->at.terms + w->at.stage->reads;
    for (int k = 0; k < p->nin + p->nout + behind; k++) {
        tile->body[k] = fg_slot(tile, k);
        tile->tail[k] = tile->body[k] + tile->whole * size;
        if (tile->left) /* unused lanes are zeroed: old bits could be denormal, and slow */
            memset(tile->tail[k], 0, (size_t)(FG_LANES * size));
    }
}

static void load_state_across(const across_plan *a, across_work *w, ptrdiff_t count)
{
    const fg_problem *p = a->plan->problem;
    const ptrdiff_t bytes = w->rows * p->loops->real_size;
    const enum fg_dtype real = p->loops == p->wide ? FG_F64 : FG_F32;
    for (int i = 0; i < w->at.stage->reads; i++) {
        char *const to = w->tile.body[p->nin + p->nout + w->at.terms + i];
        p->wide->store(real, to, p->loops->real_size, w->rows, w->of_rows.states[i]);
        for (ptrdiff_t j = 1; j < count; j++)
            memcpy(to + j * bytes, to, (size_t)bytes);
    }
}

/* Add the terms of `count` elements of each row to its partial sums. */
static void sum_across(const across_plan *a, across_work *w, ptrdiff_t count)
{
    const fg_stage *stage = w->at.stage;
    const ptrdiff_t bytes = w->rows * a->plan->problem->loops->real_size;
    const void *in[FG_MAX_SLOTS];
    for (int i = 0; i < stage->reads; i++)
        in[stage->takes + i] = w->of_rows.states[i];
    for (ptrdiff_t j = 0; j < count; j++) {
        for (int k = 0; k < stage->takes; k++)
            in[k] = w->tile.body[k] + j * bytes;
        stage->sums->across(in, w->rows, j * w->rows, w->of_rows.totals);
    }
}

void fg_run_tile_across(const across_plan *a, across_work *w, ptrdiff_t first, ptrdiff_t count)
{
    const run_plan *plan = a->plan;
    const fg_problem *p = plan->problem;
    place_across(a, w, count);
    for (int k = 0; k < p->nin; k++)
        move_across(a, w, k, first, count);
    if (w->at.stage->sums != NULL) {
        sum_across(a, w, count);
        return;
    }
    load_state_across(a, w, count);
    fg_map_tile(plan, &w->at, &w->tile);
    for (int k = p->nin; w->at.last && k < p->nin + p->nout; k++)
        if (fg_has_elements(p, k))
            move_across(a, w, k, first, count);
    for (int t = 0; t < w->at.terms; t++) {
        const void *const terms = fg_slot(&w->tile, fg_term_slot(plan, &w->at, t));
        if (fg_is_largest(&w->at))
            p->loops->max_to(terms, count * w->rows, w->of_rows.totals[t]);
        else
            p->loops->add_to(terms, count * w->rows, w->of_rows.totals[t]);
    }
}
