#include "core/call.h"

#include <stddef.h>
#include <string.h>

#include "core/scratch.h"

const char *fg_bind_op(fg_op *op, const char *signature, int isa, const fg_kernel *single,
                       const fg_kernel *double_precision, bool derivative)
{
    fg_facts *const facts = &op->facts;
    if (!fg_read_signature(facts, signature, double_precision->lanes != NULL))
        return "its signature is malformed, or has too many operands or core dimensions";
    if (derivative && !fg_derive_facts(facts))
        return "its derivative has too many operands";
    op->kernel[FG_SINGLE] = single;
    op->kernel[FG_DOUBLE] = double_precision;
    op->loops[FG_SINGLE] = fg_loops_for(isa, FG_SINGLE);
    op->loops[FG_DOUBLE] = fg_loops_for(isa, FG_DOUBLE);
    memcpy(op->options, double_precision->options, sizeof op->options);
    return NULL;
}

bool fg_has_kernel(const fg_kernel *double_precision)
{
    return double_precision->stages || double_precision->lanes;
}

bool fg_find_op(fg_op *op, const char *name, int isa, bool derivative)
{
    const char *const dot = strchr(name, '.');
    for (int unit = 0; dot && unit < fg_unit_total(); unit++) {
        const char *const family = fg_unit_family(unit);
        if (strlen(family) != (size_t)(dot - name) || strncmp(family, name, strlen(family)) != 0)
            continue;
        const fg_row *row = fg_unit_rows(isa, FG_SINGLE, unit);
        const fg_row *wide = fg_unit_rows(isa, FG_DOUBLE, unit);
        for (; row->name; row++, wide++) {
            if (strcmp(row->name, dot + 1) != 0)
                continue;
            if (!derivative)
                return !fg_bind_op(op, row->signature, isa, &row->value, &wide->value, false);
            return fg_has_kernel(&wide->derivative) &&
                   !fg_bind_op(op, row->signature, isa, &row->derivative, &wide->derivative, true);
        }
    }
    return false;
}

/* The strides of an array with a value per element, as C walks; 0 where it is broadcast. */
static void walk_elements(const fg_array *array, const fg_space *space, ptrdiff_t *stride)
{
    const int shift = space->ndim - array->ndim;
    for (int i = 0; i < space->ndim; i++) {
        const int d = space->order[i] - shift;
        stride[i] = d >= 0 && array->shape[d] != 1 ? array->stride[d] : 0;
    }
}

/* The strides of an array with a value per row. */
static void walk_rows(const fg_array *array, const fg_space *space, ptrdiff_t *stride)
{
    const int shift = (space->keepdims ? space->ndim : space->batch_ndim) - array->ndim;
    for (int i = 0; i < space->ndim; i++) {
        const int d = space->row_axis[i] - shift;
        const bool has = space->row_axis[i] >= 0 && d >= 0 && array->shape[d] != 1;
        stride[i] = has ? array->stride[d] : 0;
    }
}

/* The strides of a stream: the numbers of its elements are those of the shape in C order. */
static void walk_stream(const fg_space *space, ptrdiff_t *stride)
{
    ptrdiff_t step[FG_MAX_DIMS];
    for (int d = space->ndim - 1; d >= 0; d--)
        step[d] = d == space->ndim - 1 ? 1 : step[d + 1] * space->shape[d + 1];
    for (int i = 0; i < space->ndim; i++)
        stride[i] = step[space->order[i]];
}

static bool same_shape(const fg_array *array, int ndim, const ptrdiff_t *shape)
{
    if (array->ndim != ndim)
        return false;
    for (int d = 0; d < ndim; d++)
        if (array->shape[d] != shape[d])
            return false;
    return true;
}

/* Checks the outputs that are wanted. */
static enum fg_result check_outputs(const fg_facts *facts, const fg_array *out,
                                    const fg_space *space, fg_fault *fault)
{
    ptrdiff_t shape[FG_MAX_DIMS];
    for (int j = 0; j < facts->nout; j++) {
        if (out[j].data == NULL)
            continue;
        const int ndim = fg_shape_of_output(facts, space, j, shape);
        const bool stream = out[j].dtype == FG_STREAM;
        if (!stream && same_shape(&out[j], ndim, shape))
            continue;
        if (fault)
            *fault = (fg_fault){facts->nin + j, facts->nin + j};
        return stream ? FG_DTYPE : FG_OUT_SHAPE;
    }
    return FG_DONE;
}

static void set_operand(const fg_facts *facts, int k, const fg_array *array, const fg_space *space,
                        fg_operand *operand)
{
    operand->data = array->data;
    operand->dtype = array->dtype;
    if (array->data == NULL && k >= facts->nin)
        return;
    if (array->dtype == FG_STREAM)
        walk_stream(space, operand->stride);
    else if (facts->per_row >> k & 1u)
        walk_rows(array, space, operand->stride);
    else
        walk_elements(array, space, operand->stride);
}

/* An fg_problem has room for FG_MAX_OPERANDS operands and takes 17 KB. Threads may have small
 * stacks. So the problem lies in scratch, with room for the operands that there are. */
static enum fg_result call_rows(const fg_op *op, const fg_array *in, const fg_array *out,
                                const fg_space *space, enum fg_precision precision, fg_poll *poll)
{
    const fg_facts *const facts = &op->facts;
    const int operands = facts->nin + facts->nout;
    const size_t bytes = offsetof(fg_problem, operand) + (size_t)operands * sizeof(fg_operand);
    fg_problem *const problem = fg_scratch_take(bytes);
    if (problem == NULL)
        return FG_NO_MEMORY;
    problem->kernel = op->kernel[precision];
    problem->loops = op->loops[precision];
    problem->wide_kernel = op->kernel[FG_DOUBLE];
    problem->wide = op->loops[FG_DOUBLE];
    problem->nin = facts->nin;
    problem->nout = facts->nout;
    problem->summed = facts->summed;
    problem->ndim = space->ndim;
    problem->batch_ndim = space->batch_ndim;
    for (int i = 0; i < space->ndim; i++)
        problem->shape[i] = space->shape[space->order[i]];
    for (int k = 0; k < operands; k++)
        set_operand(facts, k, k < facts->nin ? &in[k] : &out[k - facts->nin], space,
                    &problem->operand[k]);
    const enum fg_result result = fg_run(problem, poll);
    fg_scratch_give(problem);
    return result;
}

static void set_lane_operand(const fg_facts *facts, int k, const fg_array *array,
                             const fg_space *space, fg_lane_operand *operand)
{
    const int core_ndim = facts->core_ndim[k];
    operand->data = array->data;
    operand->dtype = array->dtype;
    operand->core_ndim = core_ndim;
    for (int i = 0; i < core_ndim; i++) {
        operand->core[i] = facts->core[k][i];
        operand->core_stride[i] = 0;
    }
    if (array->data == NULL && k >= facts->nin)
        return;
    fg_array batch = *array;
    batch.ndim -= core_ndim;
    walk_elements(&batch, space, operand->stride);
    for (int i = 0; i < core_ndim; i++)
        operand->core_stride[i] = array->stride[batch.ndim + i];
}

/* Most lane kernels compute in double whatever the arrays hold, and have none for float. */
static enum fg_result call_lanes(const fg_op *op, const fg_array *in, const fg_array *out,
                                 const fg_space *space, enum fg_precision precision, fg_poll *poll)
{
    const fg_facts *const facts = &op->facts;
    const int operands = facts->nin + facts->nout;
    const size_t bytes =
        offsetof(fg_lane_problem, operand) + (size_t)operands * sizeof(fg_lane_operand);
    fg_lane_problem *const problem = fg_scratch_take(bytes);
    if (problem == NULL)
        return FG_NO_MEMORY;
    if (op->kernel[precision]->lanes == NULL)
        precision = FG_DOUBLE;
    problem->kernel = op->kernel[precision]->lanes;
    problem->loops = op->loops[precision];
    problem->options = op->options;
    problem->nin = facts->nin;
    problem->nout = facts->nout;
    for (int i = 0; i < FG_MAX_CORE; i++)
        problem->size[i] = i < facts->core_dims ? space->size[i] : 0;
    problem->ndim = space->ndim;
    for (int d = 0; d < space->ndim; d++)
        problem->shape[d] = space->shape[d];
    for (int k = 0; k < operands; k++)
        set_lane_operand(facts, k, k < facts->nin ? &in[k] : &out[k - facts->nin], space,
                         &problem->operand[k]);
    const enum fg_result result = fg_run_lanes(problem, poll);
    fg_scratch_give(problem);
    return result;
}

enum fg_result fg_call_in(const fg_op *op, const fg_array *in, const fg_array *out,
                          const fg_space *space, enum fg_precision precision, fg_poll *poll,
                          fg_fault *fault)
{
    const enum fg_result fit = check_outputs(&op->facts, out, space, fault);
    if (fit != FG_DONE)
        return fit;
    return (op->facts.lanes ? call_lanes : call_rows)(op, in, out, space, precision, poll);
}

enum fg_result fg_call(const fg_op *op, const fg_array *in, const fg_array *out,
                       const fg_axes *axes, enum fg_precision precision, fg_poll *poll,
                       fg_fault *fault)
{
    fg_space space;
    const enum fg_result known = fg_space_of(&op->facts, in, out, axes, &space, fault);
    if (known != FG_DONE)
        return known;
    return fg_call_in(op, in, out, &space, precision, poll, fault);
}
