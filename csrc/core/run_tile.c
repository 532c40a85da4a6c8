#include <string.h>

#include "core/cursor.h"
#include "core/run_tile.h"

/* The last groups lie behind the slots. FG_LOG_PRODUCT needs one more tile, for factors. */
size_t fg_tile_bytes(const run_plan *plan)
{
    return (size_t)plan->slots * (FG_SLOT + FG_GROUP) + (plan->multiplies ? FG_SLOT : 0);
}

void fg_place_tiles(const run_plan *plan, void *memory, tile_work *work)
{
    work->memory = memory;
    work->last_groups = work->memory + (ptrdiff_t)plan->slots * FG_SLOT;
    for (int k = 0; k < plan->problem->nin; k++)
        work->constant[k] = 0;
}

size_t fg_row_bytes(const run_plan *plan)
{
    return (size_t)(plan->max_terms + plan->max_states) * FG_TILE * sizeof(double);
}

void fg_place_rows(const run_plan *plan, void *memory, row_work *rows)
{
    double *next = memory;
    for (int t = 0; t < plan->max_terms; t++, next += FG_TILE)
        rows->totals[t] = next;
    for (int i = 0; i < plan->max_states; i++, next += FG_TILE)
        rows->states[i] = next;
}

int fg_term_slot(const run_plan *plan, const position *at, int term)
{
    const fg_problem *p = plan->problem;
    if (!fg_is_map(at->stage))
        return p->nin + p->nout + term;
    int output = 0;
    for (uint32_t left = p->summed; term > 0 || !(left & 1u); left >>= 1, output++)
        term -= (int)(left & 1u);
    return p->nin + output;
}

/* Input k, if it has one value for all elements: loaded once, for all tiles. */
static bool load_constant(const run_plan *plan, tile_work *work, int k)
{
    const fg_view *view = &plan->view[k];
    const ptrdiff_t count = work->whole + (work->left ? FG_LANES : 0);
    if (view->ndim > 1 || view->stride[0] != 0)
        return false;
    if (work->constant[k] < count)
        plan->problem->loops->load(view->dtype, view->data, 0, count, work->body[k]);
    work->constant[k] = count > work->constant[k] ? count : work->constant[k];
    return true;
}

static void place_in_slot(tile_work *work, int k, ptrdiff_t size)
{
    work->body[k] = fg_slot(work, k);
    work->tail[k] = work->body[k] + work->whole * size;
}

static void place_direct(const run_plan *plan, tile_work *work, int k, ptrdiff_t start)
{
    const ptrdiff_t size = plan->problem->loops->real_size;
    work->body[k] = plan->view[k].data + start * size;
    work->tail[k] = work->last_groups + k * FG_GROUP;
}

/* Unused lanes of a last group are zeroed: old bits could be denormal, and slow. The size is that
 * of a group of double, so that it is known when this is compiled; a slot has room for it. */
static void zero_group(char *group)
{
    memset(group, 0, FG_GROUP);
}

void fg_load_tile(const run_plan *plan, tile_work *work, ptrdiff_t start, ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    work->left = count % FG_LANES, work->whole = count - work->left;
    const size_t left_bytes = (size_t)(work->left * size);
    for (int k = 0; k < p->nin; k++) {
        if (plan->direct[k]) {
            place_direct(plan, work, k, start);
            if (!work->left)
                continue;
            zero_group(work->tail[k]);
            memcpy(work->tail[k], work->body[k] + work->whole * size, left_bytes);
        } else {
            place_in_slot(work, k, size);
            if (load_constant(plan, work, k))
                continue;
            if (work->left)
                zero_group(work->tail[k]);
            fg_view_load(&plan->view[k], p->loops, start, count, work->body[k]);
        }
    }
    for (int k = p->nin; k < p->nin + p->nout; k++) {
        if (plan->direct[k])
            place_direct(plan, work, k, start);
        else
            place_in_slot(work, k, size);
    }
}

void fg_load_state(const run_plan *plan, const position *at, tile_work *work, double *const *state,
                   ptrdiff_t first, ptrdiff_t n, ptrdiff_t rows)
{
    const fg_problem *p = plan->problem;
    const int terms = p->nin + p->nout, states = terms + at->terms;
    const ptrdiff_t size = p->loops->real_size;
    if (fg_is_map(at->stage))
        return;
    for (int k = terms; k < states; k++)
        place_in_slot(work, k, size);
    for (int k = states; k < states + at->stage->reads; k++) {
        place_in_slot(work, k, size);
        p->loops->fill_rows(state[k - states] + first, n, rows, work->body[k]);
        if (work->left)
            memset(work->tail[k] + work->left * size, 0, (size_t)((FG_LANES - work->left) * size));
    }
}

/* A map that is the whole operation takes the inputs and gives the outputs, in the order of their
 * slots. Another takes inputs and then state, and gives outputs "(n)" and then terms. */
static void map_groups(const run_plan *plan, const position *at, char **operand, ptrdiff_t groups)
{
    const fg_problem *p = plan->problem;
    const fg_stage *stage = at->stage;
    char **const outputs = operand + p->nin;
    if (fg_is_map(stage)) {
        stage->map((const void *const *)operand, (void *const *)outputs, groups);
        return;
    }
    const void *in[FG_MAX_SLOTS];
    void *out[FG_MAX_SLOTS];
    char **const terms = outputs + p->nout, **const state = terms + at->terms;
    int count = 0;
    for (int k = 0; k < stage->takes; k++)
        in[k] = operand[k];
    for (int i = 0; i < stage->reads; i++)
        in[stage->takes + i] = state[i];
    for (int j = 0; at->last && j < p->nout; j++)
        if (!(p->summed >> j & 1u))
            out[count++] = outputs[j];
    for (int t = 0; t < at->terms; t++)
        out[count++] = terms[t];
    stage->map(in, out, groups);
}

void fg_map_tile(const run_plan *plan, const position *at, tile_work *work)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    if (work->whole)
        map_groups(plan, at, work->body, work->whole / FG_LANES);
    if (!work->left)
        return;
    map_groups(plan, at, work->tail, 1);
    for (int k = p->nin; k < p->nin + p->nout; k++)
        if (plan->direct[k])
            memcpy(work->body[k] + work->whole * size, work->tail[k], (size_t)(work->left * size));
}

void fg_sum_block(const run_plan *plan, const position *at, const tile_work *work, ptrdiff_t first,
                  ptrdiff_t count, double *const *state, ptrdiff_t row, double *totals)
{
    const fg_stage *stage = at->stage;
    const ptrdiff_t offset = first * plan->problem->loops->real_size;
    const void *in[FG_MAX_SLOTS];
    for (int k = 0; k < stage->takes; k++)
        in[k] = work->body[k] + offset;
    for (int i = 0; i < stage->reads; i++)
        in[stage->takes + i] = state[i] + row;
    stage->sums->row(in, count, totals);
}

/* The logarithms of a tile of float are taken of products in double, too. */
static void sum_logs(const run_plan *plan, const tile_work *work, const void *tile, ptrdiff_t n,
                     ptrdiff_t rows, double *totals)
{
    const fg_problem *p = plan->problem;
    if (n == 1 || p->loops == p->wide) {
        p->loops->log_rows(tile, n, rows, totals);
        return;
    }
    double *const factors = (void *)(work->last_groups + plan->slots * FG_GROUP);
    const ptrdiff_t count = p->loops->factor_rows(tile, n, rows, factors);
    p->wide->log_rows(factors, count, rows, totals);
}

void fg_reduce(const run_plan *plan, const position *at, const tile_work *work, int term,
               ptrdiff_t n, ptrdiff_t rows, double *totals)
{
    const fg_problem *p = plan->problem;
    const void *const tile = fg_slot(work, fg_term_slot(plan, at, term));
    if (fg_is_largest(at))
        p->loops->max_rows(tile, n, rows, totals);
    else if (at->stage->reduction == FG_LOG_PRODUCT && term == at->terms - 1)
        sum_logs(plan, work, tile, n, rows, totals);
    else
        p->loops->sum_rows(tile, n, rows, totals);
}

static bool any_nan(const double *x, ptrdiff_t count)
{
    bool found = false;
    for (ptrdiff_t i = 0; i < count; i++)
        found |= x[i] != x[i];
    return found;
}

double *const *fg_close_stage(const run_plan *plan, position *at, double *const *totals,
                              double *const *state, ptrdiff_t rows)
{
    if (at->wide->close)
        at->wide->close((double)plan->n, (const double *const *)totals, state, rows);
    at->cuts = at->stage->skips > 0 && !any_nan(state[0], rows);
    return fg_is_map(at->stage) ? totals : state;
}

void fg_store_rows(const run_plan *plan, double *const *values, ptrdiff_t first, ptrdiff_t rows)
{
    const fg_problem *p = plan->problem;
    for (int j = 0, sums = 0; j < p->nout; j++) {
        if (!(p->summed >> j & 1u))
            continue;
        if (plan->view[p->nin + j].data != NULL)
            fg_view_store(&plan->view[p->nin + j], p->wide, first, rows, values[sums]);
        sums++;
    }
}

void fg_store_elements(const run_plan *plan, const tile_work *work, ptrdiff_t start,
                       ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    for (int k = p->nin; k < p->nin + p->nout; k++) {
        if (!fg_has_elements(p, k) || plan->direct[k])
            continue;
        if (plan->stream[k])
            p->loops->stream(plan->view[k].data + start * p->loops->real_size, count,
                             fg_slot(work, k));
        else
            fg_view_store(&plan->view[k], p->loops, start, count, fg_slot(work, k));
    }
}
