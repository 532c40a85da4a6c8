/* What a run knows of its problem: where operands lie and how they are reached, how rows are cut,
 * and which stage is at work. Part of run.c. */
#ifndef FG_RUN_PLAN_H
#define FG_RUN_PLAN_H

#include <stdbool.h>
#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "core/fpenv.h"
#include "core/run.h"
#include "core/view.h"
#include "core/wide_sum.h"

enum {
    BLOCKS_PER_CHUNK = 64, /* of a long row: at least this many tiles */
    CHUNKS_PER_ROW = 8192, /* but at most this many chunks, so that memory is bounded */
};

/* Below, threads cost more than they save: about 100 us. */
enum { PARALLEL_ELEMENTS = 131072 };

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

/* Where a row longer than a tile is cut: by its length alone. */
static ptrdiff_t chunk_of_row(ptrdiff_t n)
{
    ptrdiff_t blocks = (n + FG_TILE - 1) / FG_TILE;
    blocks = (blocks + CHUNKS_PER_ROW - 1) / CHUNKS_PER_ROW;
    return FG_TILE * (blocks < BLOCKS_PER_CHUNK ? BLOCKS_PER_CHUNK : blocks);
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

static enum fg_result run_items(fg_task *task, void *plan, ptrdiff_t items, ptrdiff_t elements,
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

#endif
