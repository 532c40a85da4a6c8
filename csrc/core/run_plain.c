/* Elementwise operations without copies: the map runs on the arrays themselves, tile after tile. */
#include <string.h>

#include "core/cursor.h"
#include "core/run_ways.h"
#include "core/scratch.h"

enum {
    PLAIN_TILE = 512, /* elements of such a tile: a few coefficients of it leave room in L1 */
    MIN_STEADY_RUN = 64,
};

/* Whether operand k is noise, whose elements follow each other. */
static bool is_noise(const run_plan *plan, int k)
{
    return plan->view[k].dtype == FG_STREAM && plan->view[k].ndim == 1;
}

/* Whether every element is mapped alone, and each operand is direct, in place, noise, or stays the
 * same for a while. */
bool fg_is_plain(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    if (p->summed != 0 || !fg_is_map(plan->stages))
        return false;
    for (int k = 0; k < p->nin + p->nout; k++) {
        const fg_view *view = &plan->view[k];
        const bool steady = k < p->nin && view->stride[view->ndim - 1] == 0;
        const bool in_place = k >= p->nin && plan->in_place[k];
        if (!plan->direct[k] && view->data != NULL && !steady && !in_place && !is_noise(plan, k))
            return false;
    }
    return true;
}

/* For how many elements from `start` on no input changes but those that are direct, and noise. */
static ptrdiff_t steady_run(const run_plan *plan, ptrdiff_t start, ptrdiff_t most)
{
    for (int k = 0; k < plan->problem->nin; k++) {
        const fg_view *view = &plan->view[k];
        const ptrdiff_t length = view->shape[view->ndim - 1];
        if (!plan->direct[k] && length - start % length < most)
            most = length - start % length;
    }
    return most;
}

/* The loop over a tile: where all inputs behind the arrays are numbers, the one for such. */
static fg_tile *loop_of(const run_plan *plan)
{
    const fg_stage *stage = plan->stages;
    if (stage->steady == NULL)
        return stage->map;
    for (int k = 0; k < plan->problem->nin; k++)
        if ((plan->direct[k] || is_noise(plan, k)) != (k < stage->arrays))
            return stage->map;
    return stage->steady;
}

/* How many elements to map at a time, of `run` that have the same coefficients. 0 if the way
 * through slots is better: short rows, where the loop needs a tile of each coefficient. */
static ptrdiff_t tile_of(const run_plan *plan, fg_tile *map, ptrdiff_t run)
{
    if (run >= FG_TILE)
        return PLAIN_TILE;
    return map == plan->stages->steady && run >= MIN_STEADY_RUN && run % FG_LANES == 0 ? run : 0;
}

/* The coefficient of element `start`. Most are one number per row, and of rows of one length:
 * `length` and `row` remember the last division. */
static char *coefficient(const fg_view *view, ptrdiff_t start, ptrdiff_t *length, ptrdiff_t *row)
{
    if (view->ndim == 1)
        return view->data;
    if (view->ndim == 2) {
        if (view->shape[1] != *length)
            *length = view->shape[1], *row = start / *length;
        return view->data + *row * view->stride[0];
    }
    fg_cursor cursor;
    fg_cursor_init(&cursor, view, start);
    return cursor.address;
}

/* The first of some tiles for the steady loop. It reads coefficients where they lie. */
static void place_steady_tile(const run_plan *plan, tile_work *work, ptrdiff_t start,
                              ptrdiff_t tile)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    const enum fg_dtype real = size == sizeof(double) ? FG_F64 : FG_F32;
    ptrdiff_t length = 0, row = 0;
    for (int k = 0; k < p->nin + p->nout; k++) {
        const fg_view *view = &plan->view[k];
        work->body[k] = fg_slot(work, k);
        if (plan->direct[k]) {
            work->body[k] = view->data + start * size;
        } else if (is_noise(plan, k)) {
            fg_view_load(view, p->loops, start, tile, work->body[k]);
        } else if (k < p->nin) {
            char *const address = coefficient(view, start, &length, &row);
            if (view->dtype == real && ((uintptr_t)address & (uintptr_t)(size - 1)) == 0)
                work->body[k] = address;
            else
                p->loops->load(view->dtype, address, size, 1, work->body[k]);
        }
    }
}

/* Go on to the tile from element `start` on. */
static void next_tile(const run_plan *plan, tile_work *work, ptrdiff_t start, ptrdiff_t tile)
{
    const fg_problem *p = plan->problem;
    for (int k = 0; k < p->nin + p->nout; k++)
        if (plan->direct[k])
            work->body[k] += tile * p->loops->real_size;
        else if (is_noise(plan, k))
            fg_view_load(&plan->view[k], p->loops, start, tile, work->body[k]);
}

/* Outputs that are inputs: a tile of them was written to slots, for loops may write an element
 * before they read the next. */
static void copy_in_place(const run_plan *plan, const tile_work *work, ptrdiff_t start,
                          ptrdiff_t tile)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    for (int k = p->nin; k < p->nin + p->nout; k++)
        if (plan->in_place[k])
            memcpy(plan->view[k].data + start * size, work->body[k], (size_t)(tile * size));
}

/* Whole tiles from element `begin` on, with as little as possible between two of them: memory is
 * idle in that time. Returns where they end: before the first tile that needs more than new
 * addresses. */
static ptrdiff_t run_steady_tiles(const run_plan *plan, tile_work *work, ptrdiff_t begin,
                                  ptrdiff_t end)
{
    const fg_problem *p = plan->problem;
    fg_tile *const map = loop_of(plan);
    ptrdiff_t run, tile;
    while ((tile = tile_of(plan, map, run = steady_run(plan, begin, end - begin))) > 0) {
        const ptrdiff_t stop = begin + run / tile * tile;
        if (map == plan->stages->steady)
            place_steady_tile(plan, work, begin, tile);
        else
            fg_load_tile(plan, work, begin, tile);
        while (true) {
            map((const void *const *)work->body, (void *const *)(work->body + p->nin),
                tile / FG_LANES);
            copy_in_place(plan, work, begin, tile);
            begin += tile;
            if (begin == stop)
                break;
            next_tile(plan, work, begin, tile);
        }
    }
    return begin;
}

/* A row is one element here. */
static void run_item(void *context, ptrdiff_t item)
{
    run_plan *const plan = context;
    void *const memory = fg_scratch_take(fg_tile_bytes(plan));
    if (memory == NULL) {
        atomic_store(&plan->no_memory, true);
        return;
    }
    tile_work work;
    row_work no_rows;
    fg_place_tiles(plan, memory, &work);
    const ptrdiff_t begin = item * plan->rows_per_item;
    const ptrdiff_t end =
        plan->rows - begin < plan->rows_per_item ? plan->rows : begin + plan->rows_per_item;
    for (ptrdiff_t i = begin; (i = run_steady_tiles(plan, &work, i, end)) < end;) {
        const ptrdiff_t count = end - i < FG_TILE ? end - i : FG_TILE;
        fg_run_tile_of_rows(plan, &work, &no_rows, i, count);
        i += count;
    }
    fg_scratch_give(memory);
}

enum fg_result fg_run_plain(run_plan *plan, fg_poll *poll)
{
    const ptrdiff_t items = fg_plan_rows(plan);
    return fg_run_items(run_item, plan, items, plan->rows >= FG_LARGE_ELEMENTS, poll,
                        &plan->no_memory);
}
