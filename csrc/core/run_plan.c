#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "core/fpenv.h"
#include "core/run_internal.h"

enum { BLOCKS_PER_CHUNK = 64 }; /* of a long row: at least this many tiles */

/* The most that any stage needs. */
static void plan_stages(run_plan *plan)
{
    const int operands = plan->problem->nin + plan->problem->nout;
    position at;
    plan->max_terms = plan->max_states = plan->slots = 0;
    plan->multiplies = false;
    fg_first_stage(&at, plan);
    do {
        const int slots = operands + (fg_is_map(at.stage) ? 0 : at.terms + at.stage->reads);
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

static bool is_input(const run_plan *plan, const char *data)
{
    for (int k = 0; k < plan->problem->nin; k++)
        if (plan->view[k].data == data)
            return true;
    return false;
}

void fg_plan_operands(run_plan *plan)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    const bool stream = worth_streaming(plan->rows * plan->n * size);
    plan_stages(plan);
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
        /* An output that is an input goes through its slot: an element is read before it is
         * written. */
        plan->direct[k] = contiguous && !sum && !(output && is_input(plan, view->data));
        if (output && plan->direct[k] && stream) {
            plan->direct[k] = false;
            plan->stream[k] = true;
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
