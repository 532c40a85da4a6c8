#include "xla/rows.h"

#include <math.h>
#include <string.h>

#include "core/scratch.h"
#include "xla/expected.h"

/* A call that was read from its plan. */
typedef struct {
    fg_array array[FG_MAX_OPERANDS];
    int numbers[FG_MAX_DIMS];
    fg_axes axes;
    enum fg_precision precision;
    const double *options; /* a call has its own options: those of the row, or others */
} fg_xla_call;

static const char *run(const fg_op *op, const fg_xla_call *call, const fg_array *out)
{
    fg_op own;
    if (op->facts.lanes) {
        own = *op;
        memcpy(own.options, call->options, sizeof own.options);
        op = &own;
    }
    const enum fg_result result =
        fg_call(op, call->array, out, &call->axes, call->precision, NULL, NULL);
    if (result == FG_NO_MEMORY)
        return "no memory for a call's scratch";
    return result == FG_DONE ? NULL : "the buffers do not fit the plan of the call";
}

static const char *expect(const fg_xla_row *row, const fg_xla_frame *frame, int64_t place,
                          fg_xla_call *call)
{
    const fg_array *const out = call->array + row->derivative->facts.nin;
    double expected = fg_xla_expected(place);
    memcpy(frame->out.buffers[frame->out.size - 1]->data, &expected, sizeof expected);
    if (isnan(expected))
        return run(row->value, call, out);
    fg_xla_describe_number(&expected, &call->array[row->value->facts.nin]);
    return run(row->derivative, call, out);
}

static const char *confirm(const fg_xla_row *row, const fg_xla_frame *frame, int64_t place,
                           const fg_xla_call *call)
{
    const double cotangent = fg_xla_one_number(&call->array[row->value->facts.nin]);
    double expected;
    memcpy(&expected, frame->in.buffers[frame->in.size - frame->out.size - 1]->data,
           sizeof expected);
    fg_xla_came(place, expected, cotangent);
    if (!isnan(cotangent) && fg_xla_same(cotangent, expected))
        return NULL;
    return run(row->derivative, call, call->array + row->derivative->facts.nin);
}

static const char *compute(const fg_xla_row *row, const fg_xla_frame *frame, int64_t what,
                           int64_t place, fg_xla_call *call)
{
    if (what == FG_XLA_EXPECT)
        return expect(row, frame, place, call);
    if (what == FG_XLA_CONFIRM)
        return confirm(row, frame, place, call);
    const fg_op *const op = what == FG_XLA_VALUE ? row->value : row->derivative;
    return run(op, call, call->array + op->facts.nin);
}

/* Each of the two has more operands than the plan names. */
static bool has_room(int64_t what, const fg_xla_frame *frame)
{
    if (what == FG_XLA_EXPECT)
        return frame->out.size > 0;
    return what != FG_XLA_CONFIRM || frame->in.size > frame->out.size;
}

const char *fg_xla_compute(const fg_xla_row *row, const fg_xla_frame *frame, fg_xla_plan *plan)
{
    const int64_t what = fg_xla_next(plan), place = fg_xla_next(plan);
    const fg_op *const op = what == FG_XLA_VALUE ? row->value : row->derivative;
    if (op == NULL)
        return "this version of fastgen has no such operation";
    const fg_facts *const facts = &op->facts;
    fg_xla_call call;
    call.options = plan->numbers;
    call.precision = fg_xla_next(plan) == FG_DOUBLE ? FG_DOUBLE : FG_SINGLE;
    if (!fg_xla_read_axes(plan, call.numbers, &call.axes) || !has_room(what, frame))
        return "the plan of the call is malformed";
    const size_t count = fg_xla_numbers_of_shapes(frame, facts) + 1;
    ptrdiff_t *const room = fg_scratch_take(count * sizeof *room);
    if (room == NULL)
        return "no memory for a call's scratch";
    const bool readable = fg_xla_read_operands(plan, frame, facts, room, call.array);
    const char *const wrong = readable ? compute(row, frame, what, place, &call)
                                       : "the buffers do not fit the plan of the call";
    fg_scratch_give(room);
    return wrong;
}
