#include "core/run_lanes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "core/cursor.h"
#include "core/run_plan.h"
#include "core/scratch.h"

enum {
    LANE_ITEMS = 64,       /* of a large batch: enough of them, so that all threads end together */
    LARGE_NUMBERS = 32768, /* below, in all operands, threads cost more than they save */
};

/* An operand all of whose problems are a constant stride apart, each one row of a matrix. */
typedef struct {
    char *data; /* NULL: another layout */
    ptrdiff_t lane_stride, column_stride, columns;
    enum fg_dtype dtype;
} lane_run;

typedef struct {
    const fg_lane_problem *problem;
    lane_run run[FG_MAX_OPERANDS];      /* what each group reads of most operands lies together */
    fg_view view[FG_MAX_OPERANDS];      /* of the batch */
    ptrdiff_t numbers[FG_MAX_OPERANDS]; /* of one problem */
    ptrdiff_t rows[FG_MAX_OPERANDS];    /* they are walked as a matrix ... */
    ptrdiff_t columns[FG_MAX_OPERANDS];
    ptrdiff_t row_stride[FG_MAX_OPERANDS]; /* ... with these strides */
    ptrdiff_t column_stride[FG_MAX_OPERANDS];
    ptrdiff_t problems, groups_per_item, bytes; /* of all operands of a group */
    atomic_bool no_memory;
} lane_plan;

/* What a thread works with: where it is in each operand, and a row of lanes for each number. */
typedef struct {
    fg_cursor cursor[FG_MAX_OPERANDS];
    char *buffer[FG_MAX_OPERANDS];
    _Alignas(FG_ALIGNMENT) char memory[];
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

/* The `count` problems from number `start` on, into the lanes or back. */
static void move_group(const lane_plan *plan, lane_work *work, int k, ptrdiff_t start,
                       ptrdiff_t count)
{
    const fg_lane_problem *p = plan->problem;
    const lane_run *run = &plan->run[k];
    if (run->data != NULL) {
        char *address = run->data + start * run->lane_stride;
        if (k < p->nin)
            p->loops->load_lanes(run->dtype, address, run->lane_stride, count, run->column_stride,
                                 run->columns, work->buffer[k]);
        else
            p->loops->store_lanes(run->dtype, address, run->lane_stride, count, run->column_stride,
                                  run->columns, work->buffer[k]);
        return;
    }
    for (ptrdiff_t lane = 0; lane < count;) {
        fg_cursor *cursor = &work->cursor[k];
        const ptrdiff_t lanes = cursor->run < count - lane ? cursor->run : count - lane;
        move_piece(plan, work, k, lane, lanes);
        fg_cursor_advance(cursor, &plan->view[k], lanes);
        lane += lanes;
    }
}

/* Lanes without a problem get the first one's numbers: old bits could be denormal, and slow. */
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

/* One group: its problems side by side, solved, and their outputs back. */
static void run_group(const lane_plan *plan, lane_work *work, void *scratch, ptrdiff_t start,
                      ptrdiff_t count)
{
    const fg_lane_problem *p = plan->problem;
    for (int k = 0; k < p->nin; k++) {
        move_group(plan, work, k, start, count);
        fill_lanes(plan, work, k, count);
    }
    p->kernel(p->size, p->options, (void *const *)work->buffer, scratch);
    for (int k = p->nin; k < p->nin + p->nout; k++)
        if (used(plan, k))
            move_group(plan, work, k, start, count);
}

static void run_item(void *context, ptrdiff_t item)
{
    lane_plan *plan = context;
    const fg_lane_problem *p = plan->problem;
    const ptrdiff_t step = plan->groups_per_item * FG_LANES, first = item * step;
    const ptrdiff_t end = plan->problems - first < step ? plan->problems : first + step;
    const size_t scratch = (size_t)(plan->bytes / p->loops->real_size) * sizeof(double);
    lane_work *const work = fg_scratch_take(sizeof *work + (size_t)plan->bytes + scratch);
    if (work == NULL) {
        atomic_store(&plan->no_memory, true);
        return;
    }
    char *next = work->memory;
    for (int k = 0; k < p->nin + p->nout; k++) {
        work->buffer[k] = next;
        next += plan->numbers[k] * FG_LANES * p->loops->real_size;
        if (used(plan, k) && plan->run[k].data == NULL)
            fg_cursor_init(&work->cursor[k], &plan->view[k], first);
    }
    for (ptrdiff_t start = first; start < end; start += FG_LANES)
        run_group(plan, work, next, start, end - start < FG_LANES ? end - start : FG_LANES);
    fg_scratch_give(work);
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

static void plan_run(lane_plan *plan, int k)
{
    const fg_view *view = &plan->view[k];
    const bool one = view->ndim == 1 && plan->rows[k] == 1;
    plan->run[k] = (lane_run){one ? view->data : NULL, view->stride[0], plan->column_stride[k],
                              plan->columns[k], view->dtype};
}

static bool plan_lane_operands(lane_plan *plan)
{
    const fg_lane_problem *p = plan->problem;
    plan->bytes = 0;
    for (int k = 0; k < p->nin + p->nout; k++) {
        ptrdiff_t bytes;
        plan_core(plan, k);
        if (__builtin_mul_overflow(plan->numbers[k], (ptrdiff_t)FG_LANES * p->loops->real_size,
                                   &bytes) ||
            __builtin_add_overflow(plan->bytes, bytes, &plan->bytes))
            return false;
        if (!used(plan, k))
            continue;
        fg_view_init(&plan->view[k], p->operand[k].data, p->operand[k].dtype, p->ndim, p->shape,
                     p->operand[k].stride);
        plan_run(plan, k);
    }
    return plan->bytes < PTRDIFF_MAX / 4;
}

static enum fg_result run(lane_plan *plan, fg_poll *poll)
{
    const fg_lane_problem *p = plan->problem;
    plan->problems = 1;
    for (int d = 0; d < p->ndim; d++)
        if (__builtin_mul_overflow(plan->problems, p->shape[d], &plan->problems))
            return FG_TOO_LARGE;
    if (plan->problems == 0)
        return FG_DONE;
    if (!plan_lane_operands(plan))
        return FG_TOO_LARGE;
    const ptrdiff_t groups = (plan->problems + FG_LANES - 1) / FG_LANES;
    const double numbers = (double)groups * (double)(plan->bytes / p->loops->real_size);
    const bool large = numbers >= (double)LARGE_NUMBERS;
    plan->groups_per_item = large ? (groups + LANE_ITEMS - 1) / LANE_ITEMS : groups;
    const ptrdiff_t items = (groups + plan->groups_per_item - 1) / plan->groups_per_item;
    return fg_run_items(run_item, plan, items, large, poll, &plan->no_memory);
}

enum fg_result fg_run_lanes(const fg_lane_problem *problem, fg_poll *poll)
{
    lane_plan *const plan = fg_scratch_take(sizeof *plan);
    if (plan == NULL)
        return FG_NO_MEMORY;
    plan->problem = problem;
    atomic_init(&plan->no_memory, false);
    const enum fg_result result = run(plan, poll);
    fg_scratch_give(plan);
    return result;
}
