#include "xla/plan.h"

static bool to_dtype(int of_xla, enum fg_dtype *dtype)
{
    switch (of_xla) {
    case FG_XLA_F16: *dtype = FG_F16; return true;
    case FG_XLA_BF16: *dtype = FG_BF16; return true;
    case FG_XLA_F32: *dtype = FG_F32; return true;
    case FG_XLA_F64: *dtype = FG_F64; return true;
    default: return false;
    }
}

/* Describes a buffer; `room` has its shape and strides from then on. False for another type. */
static bool describe(const fg_xla_buffer *buffer, ptrdiff_t *room, fg_array *array)
{
    static const ptrdiff_t sizes[] = {[FG_F16] = 2, [FG_BF16] = 2, [FG_F32] = 4, [FG_F64] = 8};
    const int ndim = (int)buffer->rank;
    if (!to_dtype(buffer->dtype, &array->dtype))
        return false;
    ptrdiff_t step = sizes[array->dtype];
    for (int d = ndim - 1; d >= 0; d--) {
        room[d] = (ptrdiff_t)buffer->dims[d];
        room[ndim + d] = step;
        step *= room[d];
    }
    array->data = buffer->data;
    array->ndim = ndim;
    array->shape = room;
    array->stride = room + ndim;
    return true;
}

int64_t fg_xla_next(fg_xla_plan *plan)
{
    if (plan->left == 0)
        return INT64_MIN;
    plan->left--;
    return *plan->plan++;
}

bool fg_xla_read_axes(fg_xla_plan *plan, int *numbers, fg_axes *axes)
{
    axes->keepdims = fg_xla_next(plan) == 1;
    axes->count = (int)fg_xla_next(plan);
    axes->axis = numbers;
    if (axes->count > FG_MAX_DIMS)
        return false;
    for (int i = 0; i < axes->count; i++)
        numbers[i] = (int)fg_xla_next(plan);
    return true;
}

void fg_xla_describe_number(double *number, fg_array *array)
{
    *array = (fg_array){number, FG_F64, 0, NULL, NULL};
}

static bool read_input(fg_xla_plan *plan, const fg_xla_frame *frame, ptrdiff_t *room,
                       fg_array *array)
{
    const int64_t k = fg_xla_next(plan), position = fg_xla_next(plan);
    if (k >= frame->in.size)
        return false;
    if (k >= 0 && position < 0)
        return describe(frame->in.buffers[k], room, array);
    if (position < 0 || (k < 0 && position >= (int64_t)plan->count))
        return false;
    double *const numbers = k < 0 ? plan->numbers : frame->in.buffers[k]->data;
    fg_xla_describe_number(&numbers[position], array);
    return true;
}

static bool read_output(fg_xla_plan *plan, const fg_xla_frame *frame, ptrdiff_t *room,
                        fg_array *array)
{
    const int64_t k = fg_xla_next(plan);
    if (k >= frame->out.size || k == INT64_MIN)
        return false;
    if (k >= 0)
        return describe(frame->out.buffers[k], room, array);
    *array = (fg_array){NULL, FG_F32, 0, NULL, NULL};
    return true;
}

bool fg_xla_read_operands(fg_xla_plan *plan, const fg_xla_frame *frame, const fg_facts *facts,
                          ptrdiff_t *room, fg_array *array)
{
    for (int k = 0; k < facts->nin; k++) {
        if (!read_input(plan, frame, room, &array[k]))
            return false;
        room += 2 * array[k].ndim;
    }
    for (int j = facts->nin; j < facts->nin + facts->nout; j++) {
        if (!read_output(plan, frame, room, &array[j]))
            return false;
        room += 2 * array[j].ndim;
    }
    return true;
}

/* An operand may appear twice, so every input may be the buffer of the highest rank. */
size_t fg_xla_numbers_of_shapes(const fg_xla_frame *frame, const fg_facts *facts)
{
    int64_t highest = 0, total = 0;
    for (int64_t k = 0; k < frame->in.size; k++)
        if (frame->in.buffers[k]->rank > highest)
            highest = frame->in.buffers[k]->rank;
    for (int64_t k = 0; k < frame->out.size; k++)
        total += frame->out.buffers[k]->rank;
    return 2 * (size_t)(total + highest * facts->nin);
}
