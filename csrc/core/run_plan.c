#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "core/fpenv.h"
#include "core/run_plan.h"

enum { BLOCKS_PER_CHUNK = 64 }; /* of a long row: at least this many tiles */

/* The most that any stage needs. */
static void plan_stages(run_plan *plan)
{
    const int operands = plan->problem->nin + plan->problem->nout;
    position at;
    plan->max_terms = plan->max_states = plan->slots = 0;
    plan->multiplies = false;
    fg_first_stage(&at, plan);
    if (fg_is_map(at.stage)) { /* it has no other stage, and most calls are this */
        plan->max_terms = at.terms;
        plan->slots = operands;
        return;
    }
    do {
        const int slots = operands + at.terms + at.stage->reads;
        plan->slots = slots > plan->slots ? slots : plan->slots;
        plan->max_terms = at.terms > plan->max_terms ? at.terms : plan->max_terms;
        plan->max_states =
            at.stage->states > plan->max_states ? at.stage->states : plan->max_states;
        plan->multiplies |= at.stage->reduction == FG_LOG_PRODUCT;
    } while (fg_next_stage(&at, plan));
}

/* Whether to write an output past the caches. Three streams were 1.36 times as fast that way on
 * Intel's Xeon. On AMD's Zen 5 they were never faster, and half as fast where outputs fit the
 * caches. So only on Intel, and only well beyond the caches. (Asking for their size is slow.) */
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

/* A function of the length alone, because the bits of a sum depend on where it is cut. */
ptrdiff_t fg_chunk_of_row(ptrdiff_t n)
{
    ptrdiff_t blocks = (n + FG_TILE - 1) / FG_TILE;
    blocks = (blocks + FG_CHUNKS_PER_ROW - 1) / FG_CHUNKS_PER_ROW;
    return FG_TILE * (blocks < BLOCKS_PER_CHUNK ? BLOCKS_PER_CHUNK : blocks);
}

bool fg_has_elements(const fg_problem *p, int k)
{
    return p->operand[k].data != NULL && (k < p->nin || !(p->summed >> (k - p->nin) & 1u));
}

/* An output that is an input goes through its slot: an element is read before it is written. */
static bool is_input(const run_plan *plan, const char *data)
{
    for (int k = 0; k < plan->problem->nin; k++)
        if (plan->view[k].data == data)
            return true;
    return false;
}

/* Whether elements of `size` bytes lie side by side, in order. */
static bool is_contiguous(const ptrdiff_t *shape, const ptrdiff_t *stride, int ndim, ptrdiff_t size)
{
    for (int d = ndim - 1; d >= 0; d--) {
        if (shape[d] != 1 && stride[d] != size)
            return false;
        size *= shape[d];
    }
    return true;
}

/* Views operand k, which has `count` elements in the first `ndim` dimensions. Returns whether it is
 * a contiguous array of `real`, as most are: these take the short way. */
static bool view_operand(run_plan *plan, int k, int ndim, ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    const fg_operand *operand = &p->operand[k];
    const ptrdiff_t size = p->loops->real_size;
    const enum fg_dtype real = size == sizeof(double) ? FG_F64 : FG_F32;
    fg_view *const view = &plan->view[k];
    if (operand->dtype == real && is_contiguous(p->shape, operand->stride, ndim, size)) {
        view->data = operand->data;
        view->dtype = real;
        view->ndim = 1;
        view->shape[0] = count;
        view->stride[0] = size;
        return ((uintptr_t)view->data & (uintptr_t)(size - 1)) == 0;
    }
    fg_view_init(view, operand->data, operand->dtype, ndim, p->shape, operand->stride);
    return false;
}

void fg_plan_operands(run_plan *plan)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t count = plan->rows * plan->n;
    const bool stream = worth_streaming(count * p->loops->real_size);
    plan_stages(plan);
    for (int k = 0; k < p->nin; k++)
        plan->direct[k] = view_operand(plan, k, p->ndim, count);
    uint32_t summed = p->summed;
    for (int k = p->nin; k < p->nin + p->nout; k++, summed >>= 1) {
        plan->direct[k] = plan->stream[k] = plan->in_place[k] = false;
        if (p->operand[k].data == NULL) {
            plan->view[k].data = NULL;
        } else if (summed & 1u) {
            view_operand(plan, k, p->batch_ndim, plan->rows);
        } else {
            const bool real = view_operand(plan, k, p->ndim, count);
            plan->in_place[k] = real && is_input(plan, p->operand[k].data);
            plan->direct[k] = real && !plan->in_place[k] && !stream;
            plan->stream[k] = real && !plan->in_place[k] && stream;
        }
    }
}

enum fg_result fg_run_items(fg_task *task, void *context, ptrdiff_t items, bool large,
                            fg_poll *poll, atomic_bool *no_memory)
{
    if (large) {
        if (fg_parallel(items, task, context, poll))
            return FG_STOPPED;
    } else {
        const fg_fpenv saved = fg_fpenv_pin();
        for (ptrdiff_t item = 0; item < items; item++)
            task(context, item);
        fg_fpenv_restore(saved);
    }
    return atomic_load_explicit(no_memory, memory_order_relaxed) ? FG_NO_MEMORY : FG_DONE;
}
