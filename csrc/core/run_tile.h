/* A tile: its operands brought in, taken through the formula, reduced and stored. Part of run.c. */
#ifndef FG_RUN_TILE_H
#define FG_RUN_TILE_H

#include <string.h>

#include "core/run_plan.h"

/* A tile's operands: of the operation, and behind them the terms and the state of a stage. The
 * elements that fill no group of lanes are copied to a group of their own, so that no array is
 * touched past its end and the tile loop needs no remainder. */
typedef struct {
    _Alignas(64) double buffer[FG_MAX_OPERANDS][FG_TILE + FG_LANES];
    _Alignas(64) double last_group[FG_MAX_OPERANDS][FG_LANES];
    char *body[FG_MAX_OPERANDS], *tail[FG_MAX_OPERANDS];
    ptrdiff_t whole, left;
    ptrdiff_t constant[FG_MAX_OPERANDS]; /* elements of the buffer that hold an input's one value */
} scratch;

typedef struct {
    double total[FG_MAX_TERMS][FG_TILE];
    double state[FG_MAX_STATE][FG_TILE];
    double *totals[FG_MAX_TERMS], *states[FG_MAX_STATE];
} row_scratch;

static void point_to_rows(row_scratch *of_rows)
{
    for (int t = 0; t < FG_MAX_TERMS; t++)
        of_rows->totals[t] = of_rows->total[t];
    for (int i = 0; i < FG_MAX_STATE; i++)
        of_rows->states[i] = of_rows->state[i];
}

/* How many numbers a row is reduced to, and where those terms lie: an operation without stages has
 * them among its outputs, in the order of its signature. */
static int term_count(const run_plan *plan, const position *at)
{
    return at->stage ? at->stage->terms : __builtin_popcount(plan->problem->summed);
}

static int term_buffer(const run_plan *plan, const position *at, int term)
{
    const fg_problem *p = plan->problem;
    if (at->stage)
        return p->nin + p->nout + term;
    int j = 0;
    for (uint32_t left = p->summed; term > 0 || !(left & 1u); left >>= 1, j++)
        term -= (int)(left & 1u);
    return p->nin + j;
}

/* Input k, if it has one value for all elements: brought in once, for all tiles. */
static bool load_constant(const run_plan *plan, scratch *s, int k)
{
    const fg_view *view = &plan->view[k];
    const ptrdiff_t count = s->whole + (s->left ? FG_LANES : 0);
    if (view->ndim > 1 || view->stride[0] != 0)
        return false;
    if (s->constant[k] < count)
        plan->problem->loops->load(view->dtype, view->data, 0, count, s->buffer[k]);
    s->constant[k] = count > s->constant[k] ? count : s->constant[k];
    return true;
}

static void forget_constants(const run_plan *plan, scratch *s)
{
    for (int k = 0; k < plan->problem->nin; k++)
        s->constant[k] = 0;
}

/* Elements start .. start + count - 1 of every input, and room for the outputs. */
static void load_tile(const run_plan *plan, scratch *s, ptrdiff_t start, ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    s->left = count % FG_LANES, s->whole = count - s->left;
    const size_t left_bytes = (size_t)(s->left * size);
    for (int k = 0; k < p->nin + p->nout; k++) {
        const bool input = k < p->nin;
        if (plan->direct[k]) {
            s->body[k] = plan->view[k].data + start * size;
            s->tail[k] = (char *)s->last_group[k];
            if (input && s->left)
                memcpy(s->tail[k], s->body[k] + s->whole * size, left_bytes);
        } else {
            s->body[k] = (char *)s->buffer[k];
            s->tail[k] = s->body[k] + s->whole * size;
            if (input && load_constant(plan, s, k))
                continue;
            if (input)
                fg_view_load(&plan->view[k], p->loops, start, count, s->body[k]);
        }
        if (input && s->left) /* lanes that mean nothing, yet must not be slow */
            memset(s->tail[k] + left_bytes, 0, (size_t)(FG_LANES * size) - left_bytes);
    }
}

static void map_groups(const fg_problem *p, const position *at, char **operand, ptrdiff_t groups)
{
    if (at->stage == NULL) {
        p->kernel->map((const void *const *)operand, (void *const *)(operand + p->nin), groups);
        return;
    }
    const fg_stage *stage = at->stage;
    const void *in[FG_MAX_OPERANDS];
    void *out[FG_MAX_OPERANDS];
    char **const terms = operand + p->nin + p->nout, **const state = terms + stage->terms;
    int outputs = 0;
    for (int k = 0; k < stage->takes; k++)
        in[k] = operand[k];
    for (int i = 0; i < stage->reads; i++)
        in[stage->takes + i] = state[i];
    for (int j = 0; at->last && j < p->nout; j++)
        if (!(p->summed >> j & 1u))
            out[outputs++] = operand[p->nin + j];
    for (int t = 0; t < stage->terms; t++)
        out[outputs++] = terms[t];
    stage->map(in, out, groups);
}

/* The tile through the formula. Outputs that are not direct are left in s->buffer. */
static void map_tile(const run_plan *plan, const position *at, scratch *s)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    if (s->whole)
        map_groups(p, at, s->body, s->whole / FG_LANES);
    if (!s->left)
        return;
    map_groups(p, at, s->tail, 1);
    for (int k = p->nin; k < p->nin + p->nout; k++)
        if (plan->direct[k])
            memcpy(s->body[k] + s->whole * size, s->tail[k], (size_t)(s->left * size));
}

/* Room for the terms of a stage, and the state of `rows` rows of n elements, spread over them. */
static void load_state(const run_plan *plan, const position *at, scratch *s, double *const *state,
                       ptrdiff_t first, ptrdiff_t n, ptrdiff_t rows)
{
    const fg_problem *p = plan->problem;
    const int terms = p->nin + p->nout, states = terms + at->stage->terms;
    const ptrdiff_t size = p->loops->real_size;
    for (int k = terms; k < states + at->stage->reads; k++) {
        s->body[k] = (char *)s->buffer[k];
        s->tail[k] = s->body[k] + s->whole * size;
        if (k < states)
            continue;
        p->loops->fill_rows(state[k - states] + first, n, rows, s->body[k]);
        if (s->left)
            memset(s->tail[k] + s->left * size, 0, (size_t)((FG_LANES - s->left) * size));
    }
}

static bool is_largest(const position *at)
{
    return at->stage && at->stage->reduction == FG_MAX;
}

/* The logarithms of a tile of float, too, are those of products in double. */
static void sum_logs(const run_plan *plan, const void *tile, ptrdiff_t n, ptrdiff_t rows,
                     double *totals)
{
    const fg_problem *p = plan->problem;
    _Alignas(64) double factors[FG_TILE];
    if (n == 1 || p->loops == p->wide) {
        p->loops->log_rows(tile, n, rows, totals);
        return;
    }
    const ptrdiff_t count = p->loops->factor_rows(tile, n, rows, factors);
    p->wide->log_rows(factors, count, rows, totals);
}

static void reduce(const run_plan *plan, const position *at, const scratch *s, int term,
                   ptrdiff_t n, ptrdiff_t rows, double *totals)
{
    const fg_loops *loops = plan->problem->loops;
    const double *const tile = s->buffer[term_buffer(plan, at, term)];
    if (is_largest(at))
        loops->max_rows(tile, n, rows, totals);
    else if (at->stage && at->stage->reduction == FG_LOG_PRODUCT && term == at->stage->terms - 1)
        sum_logs(plan, tile, n, rows, totals);
    else
        loops->sum_rows(tile, n, rows, totals);
}

static void close_stage(const run_plan *plan, const position *at, double *const *totals,
                        double *const *state, ptrdiff_t rows)
{
    if (at->wide && at->wide->close)
        at->wide->close((double)plan->n, (const double *const *)totals, state, rows);
}

/* Outputs per row: the totals themselves, or what the stages have made of them. */
static void store_rows(const run_plan *plan, double *const *totals, double *const *state,
                       ptrdiff_t first, ptrdiff_t rows)
{
    const fg_problem *p = plan->problem;
    double *const *const values = plan->staged ? state : totals;
    for (int j = 0, sums = 0; j < p->nout; j++) {
        if (!(p->summed >> j & 1u))
            continue;
        if (plan->view[p->nin + j].data != NULL)
            fg_view_store(&plan->view[p->nin + j], p->wide, first, rows, values[sums]);
        sums++;
    }
}

/* Elementwise outputs that the tile loop could not write in place. */
static void store_outputs(const run_plan *plan, scratch *s, ptrdiff_t start, ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    for (int j = 0; j < p->nout; j++) {
        const int k = p->nin + j;
        if ((p->summed >> j & 1u) || plan->direct[k] || plan->view[k].data == NULL)
            continue;
        if (plan->stream[k])
            p->loops->stream(plan->view[k].data + start * p->loops->real_size, count, s->buffer[k]);
        else
            fg_view_store(&plan->view[k], p->loops, start, count, s->buffer[k]);
    }
}

#endif
