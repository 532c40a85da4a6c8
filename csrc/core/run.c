#include "core/run.h"

#include "core/run_ways.h"
#include "core/scratch.h"

enum way { WAY_NOTHING, WAY_EMPTY_ROWS, WAY_ACROSS, WAY_LONG_ROWS, WAY_PLAIN, WAY_ROWS };

/* The number of rows and of elements in each; false where their product overflows. */
static bool count_elements(run_plan *plan)
{
    const fg_problem *p = plan->problem;
    ptrdiff_t total;
    plan->rows = plan->n = 1;
    for (int d = 0; d < p->ndim; d++) {
        ptrdiff_t *const product = d < p->batch_ndim ? &plan->rows : &plan->n;
        if (__builtin_mul_overflow(*product, p->shape[d], product))
            return false;
    }
    return !__builtin_mul_overflow(plan->rows, plan->n, &total);
}

static void choose_stages(run_plan *plan)
{
    const fg_kernel *kernel = plan->problem->kernel, *wide = plan->problem->wide_kernel;
    if (plan->problem->summed == 0 && fg_is_map(kernel->stages) && plan->n > 0)
        plan->rows *= plan->n, plan->n = 1; /* elementwise: each element is a row */
    const bool elements = plan->n == 1 && kernel->element_stages != NULL;
    plan->stages = elements ? kernel->element_stages : kernel->stages;
    plan->wide_stages = elements ? wide->element_stages : wide->stages;
}

static enum way choose_way(const run_plan *plan)
{
    if (plan->rows == 0)
        return WAY_NOTHING;
    if (plan->n == 0)
        return WAY_EMPTY_ROWS;
    if (fg_lies_across(plan))
        return WAY_ACROSS;
    if (plan->n > FG_TILE)
        return WAY_LONG_ROWS;
    if (plan->rows * plan->n < FG_TILE) /* one tile is never worth more planning */
        return WAY_ROWS;
    return fg_is_plain(plan) ? WAY_PLAIN : WAY_ROWS;
}

static enum fg_result run(run_plan *plan, fg_poll *poll)
{
    if (!count_elements(plan))
        return FG_TOO_LARGE;
    choose_stages(plan);
    fg_plan_operands(plan);
    switch (choose_way(plan)) {
    case WAY_NOTHING: break;
    case WAY_EMPTY_ROWS: fg_run_empty_rows(plan); break;
    case WAY_ACROSS: return fg_run_across(plan, poll);
    case WAY_LONG_ROWS: return fg_run_long_rows(plan, poll);
    case WAY_PLAIN: return fg_run_plain(plan, poll);
    case WAY_ROWS: return fg_run_rows(plan, poll);
    }
    return FG_DONE;
}

enum fg_result fg_run(const fg_problem *problem, fg_poll *poll)
{
    run_plan *const plan = fg_scratch_take(sizeof *plan);
    if (plan == NULL)
        return FG_NO_MEMORY;
    plan->problem = problem;
    atomic_init(&plan->no_memory, false);
    const enum fg_result result = run(plan, poll);
    fg_scratch_give(plan);
    return result;
}
