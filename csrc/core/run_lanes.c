#include "core/run_lanes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/fpenv.h"
#include "core/view.h"

enum {
    ITEMS = 64,               /* what threads claim: enough of them, so that all end together */
    PARALLEL_NUMBERS = 65536, /* below, in all operands, threads cost more than they save */
    ALIGNMENT = 64,
};

typedef struct {
    const fg_lane_problem *problem;
    fg_view view[FG_MAX_OPERANDS];      /* of the batch */
    ptrdiff_t numbers[FG_MAX_OPERANDS]; /* of one problem */
    ptrdiff_t rows[FG_MAX_OPERANDS];    /* they are walked as a matrix ... */
    ptrdiff_t columns[FG_MAX_OPERANDS];
    ptrdiff_t row_stride[FG_MAX_OPERANDS]; /* ... with these strides */
    ptrdiff_t column_stride[FG_MAX_OPERANDS];
    ptrdiff_t problems, groups_per_item, bytes; /* of all operands of a group */
    atomic_bool no_memory;
} lane_plan;

/* What a thread works with: a row of lanes for each number, and where it is in each operand. */
typedef struct {
    char *memory, *buffer[FG_MAX_OPERANDS], *scratch;
    fg_cursor cursor[FG_MAX_OPERANDS];
} lane_work;

static bool used(const lane_plan *plan, int k)
{
    return plan->problem->operand[k].data != NULL;
}

/* A piece of a group: `lanes` problems a constant stride apart, from lane `first` on. */
static void move_piece(const lane_plan *plan, lane_work *work, int k, ptrdiff_t first,
                       ptrdiff_t lanes)
{
    const fg_lane_problem *p = plan->problem;
    const fg_view *view = &plan->view[k];
    const ptrdiff_t size = p->loops->real_size, lane_stride = view->stride[view->ndim - 1];
    for (ptrdiff_t row = 0; row < plan->rows[k]; row++) {
        char *address = work->cursor[k].address + row * plan->row_stride[k];
        char *buffer = work->buffer[k] + (row * plan->columns[k] * FG_LANES + first) * size;
        if (k < p->nin)
            p->loops->load_lanes(view->dtype, address, lane_stride, lanes, plan->column_stride[k],
                                 plan->columns[k], buffer);
        else
            p->loops->store_lanes(view->dtype, address, lane_stride, lanes, plan->column_stride[k],
                                  plan->columns[k], buffer);
    }
}

static void move_group(const lane_plan *plan, lane_work *work, int k, ptrdiff_t count)
{
    for (ptrdiff_t lane = 0; lane < count;) {
        fg_cursor *cursor = &work->cursor[k];
        const ptrdiff_t lanes = cursor->run < count - lane ? cursor->run : count - lane;
        move_piece(plan, work, k, lane, lanes);
        fg_cursor_advance(cursor, &plan->view[k], lanes);
        lane += lanes;
    }
}

/* Lanes without a problem hold the first one's, so that they are no slower than others. */
#define FILL_LANES(type)                                                                           \
    do {                                                                                           \
        type *row = (type *)(void *)work->buffer[k];                                               \
        for (ptrdiff_t i = 0; i < plan->numbers[k]; i++, row += FG_LANES)                          \
            for (ptrdiff_t lane = count; lane < FG_LANES; lane++)                                  \
                row[lane] = row[0];                                                                \
    } while (0)

static void fill_lanes(const lane_plan *plan, lane_work *work, int k, ptrdiff_t count)
{
    if (count == FG_LANES)
        return;
    if (plan->problem->loops->real_size == sizeof(double))
        FILL_LANES(double);
    else
        FILL_LANES(float);
}

static void run_groups(void *context, ptrdiff_t item)
{
    lane_plan *plan = context;
    const fg_lane_problem *p = plan->problem;
    const int operands = p->nin + p->nout;
    lane_work work;
    const ptrdiff_t step = plan->groups_per_item * FG_LANES, first = item * step;
    const ptrdiff_t end = plan->problems - first < step ? plan->problems : first + step;
    const size_t scratch = (size_t)(plan->bytes / p->loops->real_size) * sizeof(double);
    work.memory = malloc((size_t)plan->bytes + scratch + ALIGNMENT);
    if (work.memory == NULL) {
        atomic_store(&plan->no_memory, true);
        return;
    }
    char *next = work.memory + (ALIGNMENT - (uintptr_t)work.memory % ALIGNMENT);
    for (int k = 0; k < operands; k++) {
        work.buffer[k] = next;
        next += plan->numbers[k] * FG_LANES * p->loops->real_size;
        if (used(plan, k))
            fg_cursor_init(&work.cursor[k], &plan->view[k], first);
    }
    for (ptrdiff_t start = first; start < end; start += FG_LANES) {
        const ptrdiff_t count = end - start < FG_LANES ? end - start : FG_LANES;
        for (int k = 0; k < p->nin; k++) {
            move_group(plan, &work, k, count);
            fill_lanes(plan, &work, k, count);
        }
        p->kernel(p->size, p->options, (void *const *)work.buffer, next);
        for (int k = p->nin; k < operands; k++)
            if (used(plan, k))
                move_group(plan, &work, k, count);
    }
    free(work.memory);
}

/* The core dimensions of an operand as a matrix, of one row where they are contiguous. */
static void plan_core(lane_plan *plan, int k)
{
    const fg_lane_problem *p = plan->problem;
    const fg_lane_operand *operand = &p->operand[k];
    const int last = operand->core_ndim - 1;
    plan->rows[k] = last > 0 ? p->size[operand->core[0]] : 1;
    plan->columns[k] = last >= 0 ? p->size[operand->core[last]] : 1;
    plan->row_stride[k] = last > 0 ? operand->core_stride[0] : 0;
    plan->column_stride[k] = last >= 0 ? operand->core_stride[last] : 0;
    plan->numbers[k] = plan->rows[k] * plan->columns[k];
    if (plan->row_stride[k] == plan->columns[k] * plan->column_stride[k]) {
        plan->columns[k] = plan->numbers[k];
        plan->rows[k] = 1;
    }
}

static bool plan_operands(lane_plan *plan)
{
    const fg_lane_problem *p = plan->problem;
    plan->bytes = 0;
    for (int k = 0; k < p->nin + p->nout; k++) {
        ptrdiff_t bytes;
        plan_core(plan, k);
        if (__builtin_mul_overflow(plan->numbers[k], FG_LANES * p->loops->real_size, &bytes) ||
            __builtin_add_overflow(plan->bytes, bytes, &plan->bytes))
            return false;
        if (used(plan, k))
            fg_view_init(&plan->view[k], p->operand[k].data, p->operand[k].dtype, p->ndim, p->shape,
                         p->operand[k].stride);
    }
    return plan->bytes < PTRDIFF_MAX / 4;
}

enum fg_result fg_run_lanes(const fg_lane_problem *problem, fg_poll *poll)
{
    lane_plan plan; /* its views are filled in as they are needed: most of it never is */
    plan.problem = problem;
    plan.problems = 1;
    atomic_init(&plan.no_memory, false);
    for (int d = 0; d < problem->ndim; d++)
        if (__builtin_mul_overflow(plan.problems, problem->shape[d], &plan.problems))
            return FG_TOO_LARGE;
    if (plan.problems == 0)
        return FG_DONE;
    if (!plan_operands(&plan))
        return FG_TOO_LARGE;
    const ptrdiff_t groups = (plan.problems + FG_LANES - 1) / FG_LANES;
    const double numbers = (double)groups * (double)(plan.bytes / problem->loops->real_size);
    if (numbers < (int)PARALLEL_NUMBERS) {
        plan.groups_per_item = groups;
        const fg_fpenv saved = fg_fpenv_pin();
        run_groups(&plan, 0);
        fg_fpenv_restore(saved);
    } else {
        plan.groups_per_item = (groups + ITEMS - 1) / ITEMS;
        const ptrdiff_t items = (groups + plan.groups_per_item - 1) / plan.groups_per_item;
        if (fg_parallel(items, run_groups, &plan, poll))
            return FG_STOPPED;
    }
    return atomic_load(&plan.no_memory) ? FG_NO_MEMORY : FG_DONE;
}
