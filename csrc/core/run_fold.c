#include "core/run_fold.h"

#include "core/cursor.h"

bool fg_may_fold(const run_plan *plan, const position *at)
{
    const fg_problem *p = plan->problem;
    if (at->stage->fold == NULL || !plan->direct[0])
        return false;
    for (int k = 1; k < at->stage->takes; k++) {
        const fg_view *view = &plan->view[k];
        if (view->stride[view->ndim - 1] != 0 || view->shape[view->ndim - 1] % plan->n != 0)
            return false;
    }
    for (int j = 1; fg_is_map(at->stage) && j < p->nout; j++)
        if (j == 1 ? !plan->direct[p->nin + j] : plan->view[p->nin + j].data != NULL)
            return false;
    return true;
}

void fg_load_constants(const run_plan *plan, const position *at, ptrdiff_t start,
                       double *const *state, ptrdiff_t row, double *constants)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t size = p->loops->real_size;
    const enum fg_dtype real = size == sizeof(double) ? FG_F64 : FG_F32;
    char *to = (void *)constants;
    for (int k = 1; k < at->stage->takes; k++, to += size)
        fg_view_load(&plan->view[k], p->loops, start, 1, to);
    for (int i = 0; i < at->stage->reads; i++, to += size)
        p->wide->store(real, to, size, 1, state[i] + row);
}

double fg_fold_block(const run_plan *plan, const position *at, const double *constants,
                     ptrdiff_t start, ptrdiff_t count)
{
    const fg_problem *p = plan->problem;
    const ptrdiff_t offset = start * p->loops->real_size;
    const bool has_gradient = fg_is_map(at->stage) && p->nout > 1;
    char *const gradient = has_gradient ? plan->view[p->nin + 1].data + offset : NULL;
    return at->stage->fold(plan->view[0].data + offset, constants, gradient, count);
}
