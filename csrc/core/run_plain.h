/* Elements by themselves, where they lie: tiles one right after the other. Part of run.c. */
#ifndef FG_RUN_PLAIN_H
#define FG_RUN_PLAIN_H

#include "core/run_tile.h"

enum { PLAIN_TILE = 512 }; /* elements of such a tile: a few coefficients of it leave room in L1 */

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

#endif
