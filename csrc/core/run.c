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
    BLOCKS_PER_CHUNK = 64,      /* and of a long row: at least this many tiles */
    CHUNKS_PER_ROW = 8192,      /* but at most this many chunks, so that memory is bounded */
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

typedef struct {
    const fg_problem *problem;
    fg_view view[FG_MAX_OPERANDS];
    bool direct[FG_MAX_OPERANDS]; /* the tile loop may work on the array itself */
    bool stream[FG_MAX_OPERANDS]; /* written past the caches */
    ptrdiff_t rows, n;
    ptrdiff_t rows_per_item;
    ptrdiff_t rows_per_tile;                /* where rows fit in a tile */
    ptrdiff_t chunk, chunks_per_row, first; /* where they do not: `first` chunk of this wave */
    wide_sum *partial;                      /* [chunks of this wave][outputs] */
} run_plan;

typedef struct {
    _Alignas(64) double buffer[FG_MAX_OPERANDS][FG_TILE + FG_LANES];
    _Alignas(64) double tail[FG_MAX_OPERANDS][FG_LANES];
    double totals[FG_TILE];
} scratch;

/* Elements start .. start + count - 1 of every input through the formula. The elements that fill
 * no group of lanes are copied to a group of their own, so that no array is touched past its end
 * and the tile loop needs no remainder. Outputs that are not direct are left in s->buffer. */
static void map_tile(const run_plan *plan, scratch *s, ptrdiff_t start, ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size, left = count % FG_LANES, whole = count - left;
    const size_t left_bytes = (size_t)(left * size);
    char *body[FG_MAX_OPERANDS], *tail[FG_MAX_OPERANDS];
    for (int k = 0; k < p->nin + p->nout; k++) {
        const bool input = k < p->nin;
        if (plan->direct[k]) {
            body[k] = plan->view[k].data + start * size;
            tail[k] = (char *)s->tail[k];
            if (input && left)
                memcpy(tail[k], body[k] + whole * size, left_bytes);
        } else {
            body[k] = (char *)s->buffer[k];
            tail[k] = body[k] + whole * size;
            if (input)
                fg_view_load(&plan->view[k], p->loops, start, count, body[k]);
        }
        if (input && left) /* lanes that mean nothing, yet must not be slow */
            memset(tail[k] + left_bytes, 0, (size_t)(FG_LANES * size) - left_bytes);
    }
    if (whole)
        p->kernel->map((const void *const *)body, (void *const *)(body + p->nin), whole / FG_LANES);
    if (!left)
        return;
    p->kernel->map((const void *const *)tail, (void *const *)(tail + p->nin), 1);
    for (int k = p->nin; k < p->nin + p->nout; k++)
        if (plan->direct[k])
            memcpy(body[k] + whole * size, tail[k], left_bytes);
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

/* Many short rows: an item is some tiles of whole rows each. */
static void run_rows(void *context, ptrdiff_t item)
{
    const run_plan *plan = context;
    const fg_problem *p = plan->problem;
    scratch s;
    const ptrdiff_t first = item * plan->rows_per_item;
    const ptrdiff_t end =
        plan->rows - first < plan->rows_per_item ? plan->rows : first + plan->rows_per_item;
    for (ptrdiff_t row = first; row < end; row += plan->rows_per_tile) {
        const ptrdiff_t rows = end - row < plan->rows_per_tile ? end - row : plan->rows_per_tile;
        map_tile(plan, &s, row * plan->n, rows * plan->n);
        store_outputs(plan, &s, row * plan->n, rows * plan->n);
        for (int j = 0; j < p->nout; j++) {
            const int k = p->nin + j;
            if (!(p->summed >> j & 1u) || plan->view[k].data == NULL)
                continue;
            p->loops->sum_rows(s.buffer[k], plan->n, rows, s.totals);
            fg_view_store(&plan->view[k], p->wide, row, rows, s.totals);
        }
    }
}

/* A piece of a row longer than a tile. Where rows are cut depends on their length alone. */
static void run_chunk(void *context, ptrdiff_t item)
{
    const run_plan *plan = context;
    const fg_problem *p = plan->problem;
    scratch s;
    wide_sum *sums = plan->partial + item * p->nout;
    const ptrdiff_t row = (plan->first + item) / plan->chunks_per_row;
    const ptrdiff_t begin = (plan->first + item) % plan->chunks_per_row * plan->chunk;
    const ptrdiff_t end = plan->n - begin < plan->chunk ? plan->n : begin + plan->chunk;
    memset(sums, 0, sizeof *sums * (size_t)p->nout);
    for (ptrdiff_t i = begin; i < end; i += FG_TILE) {
        const ptrdiff_t count = end - i < FG_TILE ? end - i : FG_TILE;
        map_tile(plan, &s, row * plan->n + i, count);
        store_outputs(plan, &s, row * plan->n + i, count);
        for (int j = 0; j < p->nout; j++) {
            if (!(p->summed >> j & 1u))
                continue;
            p->loops->sum_rows(s.buffer[p->nin + j], count, 1, s.totals);
            wide_add(&sums[j], s.totals[0]);
        }
    }
}

static void store_totals(const run_plan *plan, ptrdiff_t rows)
{
    const fg_problem *p = plan->problem;
    for (int j = 0; j < p->nout; j++) {
        const fg_view *view = &plan->view[p->nin + j];
        if (!(p->summed >> j & 1u) || view->data == NULL)
            continue;
        for (ptrdiff_t r = 0; r < rows; r++) {
            wide_sum sum = {0, 0};
            for (ptrdiff_t c = 0; c < plan->chunks_per_row; c++) {
                const wide_sum part = plan->partial[(r * plan->chunks_per_row + c) * p->nout + j];
                wide_add(&sum, part.high);
                sum.low += part.low;
            }
            const double total = wide_total(sum);
            fg_view_store(view, p->wide, plan->first / plan->chunks_per_row + r, 1, &total);
        }
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

static enum fg_result run_long_rows(run_plan *plan, fg_poll *poll)
{
    ptrdiff_t blocks = (plan->n + FG_TILE - 1) / FG_TILE;
    blocks = (blocks + CHUNKS_PER_ROW - 1) / CHUNKS_PER_ROW;
    plan->chunk = FG_TILE * (blocks < BLOCKS_PER_CHUNK ? BLOCKS_PER_CHUNK : blocks);
    plan->chunks_per_row = (plan->n + plan->chunk - 1) / plan->chunk;
    ptrdiff_t wave = CHUNKS_PER_ROW / plan->chunks_per_row; /* rows whose partial sums are kept */
    if (wave > plan->rows)
        wave = plan->rows;
    const ptrdiff_t partials = wave * plan->chunks_per_row * plan->problem->nout;
    plan->partial = malloc(sizeof *plan->partial * (size_t)partials);
    if (plan->partial == NULL)
        return FG_NO_MEMORY;
    enum fg_result result = FG_DONE;
    for (ptrdiff_t row = 0; row < plan->rows && result == FG_DONE; row += wave) {
        const ptrdiff_t rows = plan->rows - row < wave ? plan->rows - row : wave;
        plan->first = row * plan->chunks_per_row;
        result = run_items(run_chunk, plan, rows * plan->chunks_per_row, rows * plan->n, poll);
        if (result == FG_DONE)
            store_totals(plan, rows);
    }
    free(plan->partial);
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

static void store_empty_sums(const run_plan *plan)
{
    const fg_problem *p = plan->problem;
    const double zero = 0;
    for (int j = 0; j < p->nout; j++)
        if ((p->summed >> j & 1u) && plan->view[p->nin + j].data != NULL)
            for (ptrdiff_t row = 0; row < plan->rows; row++)
                fg_view_store(&plan->view[p->nin + j], p->wide, row, 1, &zero);
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
    if (problem->summed == 0 && total > 0) /* no row to keep together: as if each had one element */
        plan.rows = total, plan.n = 1;
    plan_operands(&plan, total);
    if (plan.n == 0) {
        store_empty_sums(&plan);
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
