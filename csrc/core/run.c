#include "core/run.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "core/fpenv.h"
#include "core/view.h"

enum {
    /* What a thread claims at a time, where rows are short: enough to forget the claim, yet at
     * least ITEMS of them, so that all threads end together; of a large array, long runs of memory.
     */
    MIN_TILES_PER_ITEM = 8,
    MAX_TILES_PER_ITEM = 512,
    ITEMS = 32,
    PLAIN_TILE = 512,      /* elements of such a tile: a few coefficients of it leave room in L1 */
    BLOCKS_PER_CHUNK = 64, /* and of a long row: at least this many tiles */
    CHUNKS_PER_ROW = 8192, /* but at most this many chunks, so that memory is bounded */
    PARALLEL_ELEMENTS = 131072, /* below, threads cost more than they save: about 100 us */
};

/* A sum that carries its own rounding error: error bound independent of the number of terms. */
typedef struct {
    double high, low;
} wide_sum;

static void wide_add(wide_sum *sum, double x)
{
    const double high = sum->high + x;
    const double part = high - sum->high;
    sum->low += (sum->high - (high - part)) + (x - part);
    sum->high = high;
}

static double wide_total(wide_sum sum)
{
    return isfinite(sum.high) ? sum.high + sum.low : sum.high; /* else low is inf - inf */
}

/* The stage at work; NULL for an operation that has none, and so does all at once. */
typedef struct {
    const fg_stage *stage, *wide; /* in the precision of the computation, and in double */
    bool last;                    /* outputs per element are written */
} position;

typedef struct {
    const fg_problem *problem;
    position at; /* for long rows, which go through a stage together */
    fg_view view[FG_MAX_OPERANDS];
    bool direct[FG_MAX_OPERANDS]; /* the tile loop may work on the array itself */
    bool stream[FG_MAX_OPERANDS]; /* written past the caches */
    bool staged;                  /* rows go through stages */
    bool fold;                    /* long rows: the kernel's own way through blocks */
    bool plain;                   /* elements: a tile needs nothing but its addresses */
    ptrdiff_t rows, n;
    ptrdiff_t rows_per_item;
    ptrdiff_t rows_per_tile;                /* where rows fit in a tile */
    ptrdiff_t chunk, chunks_per_row, first; /* where they do not: `first` chunk of this wave */
    wide_sum *partial;                      /* [chunks of this wave][totals] */
    double *totals[FG_MAX_TERMS], *state[FG_MAX_STATE]; /* [rows of this wave] */
} run_plan;

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
    for (int k = 0; k < p->nin; k++)
        in[k] = operand[k];
    for (int i = 0; i < stage->reads; i++)
        in[p->nin + i] = state[i];
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

static void first_stage(position *at, const run_plan *plan)
{
    at->stage = plan->staged ? plan->problem->kernel->stages : NULL;
    at->wide = plan->staged ? plan->problem->wide_kernel->stages : NULL;
    at->last = at->stage == NULL || at->stage[1].map == NULL;
}

/* To the stage after this one; false after the last. */
static bool next_stage(position *at)
{
    if (at->stage == NULL || at->last)
        return false;
    at->stage++, at->wide++;
    at->last = at->stage[1].map == NULL;
    return true;
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

/* Whether every element is mapped by itself, and all operands are used where they lie, or stay what
 * they are for a while. */
static bool is_plain(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    if (p->summed != 0 || p->kernel->stages != NULL)
        return false;
    for (int k = 0; k < p->nin + p->nout; k++) {
        const fg_view *view = &plan->view[k];
        const bool steady = k < p->nin && view->stride[view->ndim - 1] == 0;
        if (!plan->direct[k] && view->data != NULL && !steady)
            return false;
    }
    return true;
}

/* For how many elements from `start` on no input changes but those that are used where they lie. */
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

/* Whole tiles from element `begin` on, one right after the other: what is done between two tiles is
 * time in which memory is idle. Returns where they end, which is before the first tile that needs
 * more than its addresses. */
static ptrdiff_t run_plain(const run_plan *plan, scratch *s, ptrdiff_t begin, ptrdiff_t end)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t bytes = PLAIN_TILE * p->loops->real_size;
    ptrdiff_t run;
    while ((run = steady_run(plan, begin, end - begin)) >= FG_TILE) {
        load_tile(plan, s, begin, PLAIN_TILE);
        for (; run >= PLAIN_TILE; run -= PLAIN_TILE, begin += PLAIN_TILE) {
            p->kernel->map((const void *const *)s->body, (void *const *)(s->body + p->nin),
                           PLAIN_TILE / FG_LANES);
            for (int k = 0; k < p->nin + p->nout; k++)
                s->body[k] += plan->direct[k] ? bytes : 0;
        }
    }
    return begin;
}

/* Many short rows: an item is some tiles of whole rows each. */
static void run_rows(void *context, ptrdiff_t item)
{
    const run_plan *plan = context;
    position at;
    scratch s;
    row_scratch of_rows;
    for (int t = 0; t < FG_MAX_TERMS; t++)
        of_rows.totals[t] = of_rows.total[t];
    for (int i = 0; i < FG_MAX_STATE; i++)
        of_rows.states[i] = of_rows.state[i];
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
                    wide_add(&sum, part.high);
                    sum.low += part.low;
                }
            }
            plan->totals[t][r] = wide_total(sum);
        }
}

static enum fg_result run_items(fg_task *task, run_plan *plan, ptrdiff_t items, ptrdiff_t elements,
                                fg_poll *poll)
{
    if (elements >= PARALLEL_ELEMENTS)
        return fg_parallel(items, task, plan, poll) ? FG_STOPPED : FG_DONE;
    const fg_fpenv saved = fg_fpenv_pin();
    for (ptrdiff_t item = 0; item < items; item++)
        task(plan, item);
    fg_fpenv_restore(saved);
    return FG_DONE;
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
    ptrdiff_t blocks = (plan->n + FG_TILE - 1) / FG_TILE;
    blocks = (blocks + CHUNKS_PER_ROW - 1) / CHUNKS_PER_ROW;
    plan->chunk = FG_TILE * (blocks < BLOCKS_PER_CHUNK ? BLOCKS_PER_CHUNK : blocks);
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

/* Whether to write an output past the caches. That measured 1.36 times as fast for three streams on
 * Intel's Xeon, but on AMD's Zen 5 never faster, and half as fast for outputs that fit the caches:
 * so only on Intel, and only well beyond them. (Asking for the cache's size is slow.) */
static bool worth_streaming(ptrdiff_t bytes)
{
    if (bytes < (ptrdiff_t)16 << 20)
        return false;
#if defined(__x86_64__) && defined(_SC_LEVEL3_CACHE_SIZE)
    const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    return __builtin_cpu_is("intel") && cache > 0 && bytes > cache;
#else
    return false;
#endif
}

static bool is_input(const run_plan *plan, const char *data)
{
    for (int k = 0; k < plan->problem->nin; k++)
        if (plan->view[k].data == data)
            return true;
    return false;
}

static void plan_operands(run_plan *plan, ptrdiff_t total)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    const bool stream = worth_streaming(total * size);
    for (int k = 0; k < p->nin + p->nout; k++) {
        const fg_operand *operand = &p->operand[k];
        const bool output = k >= p->nin, sum = output && (p->summed >> (k - p->nin) & 1u);
        fg_view *view = &plan->view[k];
        plan->direct[k] = plan->stream[k] = false;
        view->data = operand->data;
        if (view->data == NULL)
            continue;
        fg_view_init(view, operand->data, operand->dtype, sum ? p->batch_ndim : p->ndim, p->shape,
                     operand->stride);
        const bool contiguous = view->ndim == 1 && view->stride[0] == size &&
                                fg_dtype_size(view->dtype) == size &&
                                (uintptr_t)view->data % (uintptr_t)size == 0;
        /* In place, an element must be read before it is written: through the buffer. */
        plan->direct[k] = contiguous && !sum && !(output && is_input(plan, view->data));
        if (output && plan->direct[k] && stream) {
            plan->direct[k] = false;
            plan->stream[k] = true;
        }
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
    for (int i = 0; i < FG_MAX_STATE; i++)
        of_row.states[i] = of_row.state[i];
    first_stage(&at, plan);
    do {
        const bool largest = is_largest(&at);
        for (int t = 0; t < FG_MAX_TERMS; t++) {
            of_row.totals[t] = of_row.total[t];
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
