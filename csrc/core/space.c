#include "core/space.h"

#include <stddef.h>

static enum fg_result wrong(enum fg_result what, fg_fault *fault, int operand, int other)
{
    if (fault)
        *fault = (fg_fault){operand, other};
    return what;
}

static bool one_per_row(const fg_facts *facts, int k)
{
    return facts->per_row >> k & 1u;
}

/* Checks what fg_call could not count or read. */
static enum fg_result check_inputs(const fg_facts *facts, const fg_array *in, fg_fault *fault)
{
    for (int k = 0; k < facts->nin; k++) {
        if (in[k].ndim > FG_MAX_DIMS)
            return wrong(FG_MANY_DIMS, fault, k, k);
        if (in[k].dtype == FG_STREAM && (facts->lanes || one_per_row(facts, k)))
            return wrong(FG_DTYPE, fault, k, k);
    }
    return FG_DONE;
}

/* How many dimensions of an input are not its core. */
static int batch_ndim(const fg_facts *facts, const fg_array *in, int k)
{
    return facts->lanes ? in[k].ndim - facts->core_ndim[k] : in[k].ndim;
}

/* Broadcasts the first `count` inputs, without those of one value per row. */
static bool broadcast(const fg_facts *facts, const fg_array *in, int count, fg_space *space,
                      int *culprit)
{
    space->ndim = 0;
    for (int k = 0; k < count; k++)
        if (!one_per_row(facts, k) && batch_ndim(facts, in, k) > space->ndim)
            space->ndim = batch_ndim(facts, in, k);
    for (int d = 0; d < space->ndim; d++)
        space->shape[d] = 1;
    for (int k = 0; k < count; k++) {
        if (one_per_row(facts, k))
            continue;
        const int ndim = batch_ndim(facts, in, k);
        ptrdiff_t *const shape = space->shape + (space->ndim - ndim);
        for (int d = 0; d < ndim; d++) {
            const ptrdiff_t length = in[k].shape[d];
            *culprit = k;
            if (length == 1 || length == shape[d])
                continue;
            if (shape[d] != 1)
                return false;
            shape[d] = length;
        }
    }
    return true;
}

/* Whether an array has every dimension of the space, and none that is broadcast. */
static bool has_every_element(const fg_array *array, const fg_space *space)
{
    if (array->ndim != space->ndim || array->stride == NULL || array->dtype == FG_STREAM)
        return false;
    for (int d = 0; d < space->ndim; d++)
        if (array->shape[d] != space->shape[d] || (array->shape[d] > 1 && array->stride[d] == 0))
            return false;
    return true;
}

/* Orders the dimensions as the array lies, by insertion. False if its strides do not tell. */
static bool order_as(const fg_array *array, fg_space *space)
{
    ptrdiff_t step[FG_MAX_DIMS];
    if (!has_every_element(array, space))
        return false;
    for (int d = 0; d < space->ndim; d++) {
        const ptrdiff_t stride = array->stride[d];
        /* A dimension of at most one element stays beside the one before it. */
        step[d] = space->shape[d] <= 1 && d > 0 ? step[d - 1] : stride < 0 ? -stride : stride;
        int i = d;
        for (; i > 0 && step[space->memory[i - 1]] < step[d]; i--)
            space->memory[i] = space->memory[i - 1];
        space->memory[i] = d;
        space->natural = space->natural && i == d;
    }
    return true;
}

/* Orders the dimensions as the first array lies that is written, or else read: so that results lie
 * as the inputs do, as NumPy's do. */
static void order_memory(const fg_facts *facts, const fg_array *in, const fg_array *out,
                         fg_space *space)
{
    space->natural = true;
    for (int d = 0; d < space->ndim; d++)
        space->memory[d] = d;
    for (int j = 0; out && j < facts->nout; j++)
        if (out[j].data && !(facts->summed >> j & 1u) && order_as(&out[j], space))
            return;
    for (int k = 0; k < facts->nin; k++)
        if (!one_per_row(facts, k) && order_as(&in[k], space))
            return;
}

/* Reads the axes as a set: bit d for axis d. As in np.sum, a number has one axis to sum over. */
static enum fg_result read_axes(const fg_axes *axes, int ndim, uint64_t *event, fg_fault *fault)
{
    const int last = -1;
    const int count = axes ? axes->count : 1, *const axis = axes ? axes->axis : &last;
    const int n = ndim > 0 ? ndim : 1;
    *event = count == FG_ALL_AXES ? ~(uint64_t)0 : 0;
    for (int i = 0; i < count; i++) {
        if (axis[i] < -n || axis[i] >= n)
            return wrong(FG_AXIS, fault, i, i);
        const uint64_t bit = (uint64_t)1 << (axis[i] < 0 ? axis[i] + n : axis[i]);
        if (*event & bit)
            return wrong(FG_REPEATED_AXIS, fault, i, i);
        *event |= bit;
    }
    return FG_DONE;
}

/* Orders the walk: batch dimensions as they lie in memory, then those of the row in their own
 * order, which is the order of the sum. */
static void order_walk(uint64_t event, fg_space *space)
{
    int n = 0, kept = 0, axis_without_rows[FG_MAX_DIMS];
    for (int d = 0; d < space->ndim; d++)
        axis_without_rows[d] = event >> d & 1u ? -1 : kept++;
    for (int i = 0; i < space->ndim; i++)
        if (!(event >> space->memory[i] & 1u))
            space->order[n++] = space->memory[i];
    space->batch_ndim = n;
    for (int d = 0; d < space->ndim; d++)
        if (event >> d & 1u)
            space->order[n++] = d;
    for (int i = 0; i < space->ndim; i++) {
        const int d = space->order[i];
        space->row_axis[i] = space->keepdims ? d : axis_without_rows[d];
    }
}

int fg_shape_of_rows(const fg_space *space, ptrdiff_t *shape)
{
    const int ndim = space->keepdims ? space->ndim : space->batch_ndim;
    for (int i = 0; i < space->ndim; i++)
        if (space->row_axis[i] >= 0)
            shape[space->row_axis[i]] = i < space->batch_ndim ? space->shape[space->order[i]] : 1;
    return ndim;
}

int fg_shape_of_output(const fg_facts *facts, const fg_space *space, int j, ptrdiff_t *shape)
{
    if (facts->summed >> j & 1u)
        return fg_shape_of_rows(space, shape);
    int ndim = space->ndim;
    for (int d = 0; d < ndim; d++)
        shape[d] = space->shape[d];
    for (int i = 0; facts->lanes && i < facts->core_ndim[facts->nin + j]; i++)
        shape[ndim++] = space->size[facts->core[facts->nin + j][i]];
    return ndim;
}

/* Checks that the first `ndim` dimensions of input k broadcast to one value per row. */
static bool fits_rows(const fg_array *in, int ndim, const fg_space *space)
{
    ptrdiff_t shape[FG_MAX_DIMS];
    const int shift = fg_shape_of_rows(space, shape) - ndim;
    if (shift < 0)
        return false;
    for (int d = 0; d < ndim; d++)
        if (in->shape[d] != 1 && in->shape[d] != shape[d + shift])
            return false;
    return true;
}

/* Finds the length of each core dimension, which all inputs that have it share. */
static enum fg_result find_sizes(const fg_facts *facts, const fg_array *in, fg_space *space,
                                 fg_fault *fault)
{
    int owner[FG_MAX_CORE] = {-1, -1, -1, -1};
    _Static_assert(FG_MAX_CORE == 4, "owner has an initial value for each");
    for (int k = 0; k < facts->nin; k++) {
        const int first = in[k].ndim - facts->core_ndim[k];
        if (first < 0)
            return wrong(FG_CORE_NDIM, fault, k, k);
        for (int i = 0; i < facts->core_ndim[k]; i++) {
            const int d = facts->core[k][i];
            const ptrdiff_t length = in[k].shape[first + i];
            if (owner[d] >= 0 && space->size[d] != length)
                return wrong(FG_CORE_SIZE, fault, k, owner[d]);
            if (owner[d] < 0)
                owner[d] = k;
            space->size[d] = length;
        }
    }
    return FG_DONE;
}

/* The space of a lane kernel: the batch dimensions in their own order. */
static enum fg_result space_of_lanes(const fg_facts *facts, const fg_array *in, fg_space *space,
                                     fg_fault *fault)
{
    const enum fg_result found = find_sizes(facts, in, space, fault);
    int culprit = 0;
    if (found != FG_DONE)
        return found;
    if (!broadcast(facts, in, facts->deciding, space, &culprit))
        return wrong(FG_BATCHES, fault, culprit, culprit);
    space->keepdims = false;
    space->natural = true;
    for (int d = 0; d < space->ndim; d++)
        space->memory[d] = d;
    order_walk(0, space);
    for (int k = facts->deciding; k < facts->nin; k++) /* cotangents do not widen the batch */
        if (!fits_rows(&in[k], batch_ndim(facts, in, k), space))
            return wrong(FG_ROW_SHAPE, fault, k, k);
    for (int k = facts->nin; k < facts->nin + facts->nout; k++)
        if (space->ndim + facts->core_ndim[k] > FG_MAX_DIMS)
            return wrong(FG_MANY_DIMS, fault, k, k);
    return FG_DONE;
}

enum fg_result fg_space_of(const fg_facts *facts, const fg_array *in, const fg_array *out,
                           const fg_axes *axes, fg_space *space, fg_fault *fault)
{
    uint64_t event = 0;
    int culprit = 0;
    const enum fg_result readable = check_inputs(facts, in, fault);
    if (readable != FG_DONE)
        return readable;
    if (facts->lanes)
        return space_of_lanes(facts, in, space, fault);
    if (!broadcast(facts, in, facts->nin, space, &culprit))
        return wrong(FG_SHAPES, fault, culprit, culprit);
    order_memory(facts, in, out, space);
    if (!facts->elementwise) {
        const enum fg_result known = read_axes(axes, space->ndim, &event, fault);
        if (known != FG_DONE)
            return known;
    }
    space->keepdims = axes && axes->keepdims;
    order_walk(event, space);
    for (int k = 0; k < facts->nin; k++)
        if (one_per_row(facts, k) && !fits_rows(&in[k], in[k].ndim, space))
            return wrong(FG_ROW_SHAPE, fault, k, k);
    return FG_DONE;
}

void fg_space_of_problems(const fg_facts *facts, ptrdiff_t problems, const ptrdiff_t *size,
                          fg_space *space)
{
    space->shape[0] = problems;
    space->ndim = space->batch_ndim = 1;
    space->keepdims = false;
    space->natural = true;
    space->memory[0] = space->order[0] = space->row_axis[0] = 0;
    if (facts->lanes) {
        for (int i = 0; i < facts->core_dims; i++)
            space->size[i] = size[i];
    } else if (!facts->elementwise) {
        space->shape[1] = size[0];
        space->ndim = 2;
        space->memory[1] = space->order[1] = 1;
        space->row_axis[1] = -1;
    }
}
