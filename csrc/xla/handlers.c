#include "xla/handlers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fpenv.h"
#include "core/scratch.h"
#include "xla/threads.h"

static const fg_xla_row *known_rows;
static size_t known_count;

void fg_xla_use_rows(const fg_xla_row *rows, size_t count)
{
    known_rows = rows;
    known_count = count;
}

/* XLA asks a handler for its version in a call of its own. */
static bool asks_for_version(const fg_xla_frame *frame)
{
    fg_xla_extension *const extension = frame->extension;
    if (extension == NULL || extension->type != FG_XLA_METADATA)
        return false;
    fg_xla_metadata *const metadata = ((fg_xla_metadata_extension *)extension)->metadata;
    metadata->version.major = FG_XLA_MAJOR;
    metadata->version.minor = FG_XLA_MINOR;
    return true;
}

static fg_xla_error *failure(const fg_xla_frame *frame, int code, const char *message)
{
    fg_xla_error_args args = {sizeof args, NULL, message, code};
    return frame->api->make_error(&args);
}

/* The attribute of a name, or NULL. */
static const void *attribute(const fg_xla_frame *frame, const char *name)
{
    const fg_xla_attributes *const all = &frame->attributes;
    const size_t size = strlen(name);
    for (int64_t i = 0; i < all->size; i++)
        if (all->names[i]->size == size && memcmp(all->names[i]->data, name, size) == 0)
            return all->values[i];
    return NULL;
}

static int compare_names(const void *name, const void *row)
{
    const fg_xla_text *const text = name;
    const char *const other = ((const fg_xla_row *)row)->name;
    const int order = strncmp(text->data, other, text->size);
    return order ? order : -(other[text->size] != '\0');
}

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

/* What the attributes say; see the header. */
typedef struct {
    const int64_t *plan; /* what is not read yet */
    size_t left;
    double *numbers;
    size_t count;
} fg_xla_plan;

static int64_t next(fg_xla_plan *plan)
{
    if (plan->left == 0)
        return INT64_MIN;
    plan->left--;
    return *plan->plan++;
}

static bool read_axes(fg_xla_plan *plan, int *numbers, fg_axes *axes)
{
    axes->keepdims = next(plan) == 1;
    axes->count = (int)next(plan);
    axes->axis = numbers;
    if (axes->count > FG_MAX_DIMS)
        return false;
    for (int i = 0; i < axes->count; i++)
        numbers[i] = (int)next(plan);
    return true;
}

/* An operand is one number of double precision. */
static void describe_number(double *number, fg_array *array)
{
    *array = (fg_array){number, FG_F64, 0, NULL, NULL};
}

static bool read_input(fg_xla_plan *plan, const fg_xla_frame *frame, ptrdiff_t *room,
                       fg_array *array)
{
    const int64_t k = next(plan), position = next(plan);
    if (k >= frame->in.size)
        return false;
    if (k >= 0 && position < 0)
        return describe(frame->in.buffers[k], room, array);
    if (position < 0 || (k < 0 && position >= (int64_t)plan->count))
        return false;
    double *const numbers = k < 0 ? plan->numbers : frame->in.buffers[k]->data;
    describe_number(&numbers[position], array);
    return true;
}

static bool read_output(fg_xla_plan *plan, const fg_xla_frame *frame, ptrdiff_t *room,
                        fg_array *array)
{
    const int64_t k = next(plan);
    if (k >= frame->out.size || k == INT64_MIN)
        return false;
    if (k >= 0)
        return describe(frame->out.buffers[k], room, array);
    *array = (fg_array){NULL, FG_F32, 0, NULL, NULL};
    return true;
}

/* Reads the operands. `room` has space for two shapes of each buffer. */
static bool read_operands(fg_xla_plan *plan, const fg_xla_frame *frame, const fg_facts *facts,
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
static size_t numbers_of_shapes(const fg_xla_frame *frame, const fg_facts *facts)
{
    int64_t highest = 0, total = 0;
    for (int64_t k = 0; k < frame->in.size; k++)
        if (frame->in.buffers[k]->rank > highest)
            highest = frame->in.buffers[k]->rank;
    for (int64_t k = 0; k < frame->out.size; k++)
        total += frame->out.buffers[k]->rank;
    return 2 * (size_t)(total + highest * facts->nin);
}

/* Returns NULL, or what is wrong. */
static const char *compute(const fg_op *op, const fg_xla_frame *frame, fg_xla_plan *plan)
{
    const fg_facts *const facts = &op->facts;
    int numbers[FG_MAX_DIMS];
    fg_axes axes;
    fg_array array[FG_MAX_OPERANDS];
    const enum fg_precision precision = next(plan) == FG_DOUBLE ? FG_DOUBLE : FG_SINGLE;
    if (!read_axes(plan, numbers, &axes))
        return "the plan of the call is malformed";
    ptrdiff_t *const room = fg_scratch_take((numbers_of_shapes(frame, facts) + 1) * sizeof *room);
    if (room == NULL)
        return "no memory for a call's scratch";
    const bool readable = read_operands(plan, frame, facts, room, array);
    const fg_array *const out = array + facts->nin;
    const enum fg_result result =
        readable ? fg_call(op, array, out, &axes, precision, NULL, NULL) : FG_DTYPE;
    fg_scratch_give(room);
    if (result == FG_NO_MEMORY)
        return "no memory for a call's scratch";
    return result == FG_DONE ? NULL : "the buffers do not fit the plan of the call";
}

/* A call has its own options: those of the row, or others. */
static const char *compute_with_options(const fg_op *op, const fg_xla_frame *frame,
                                        fg_xla_plan *plan)
{
    fg_op own = *op;
    memcpy(own.options, plan->numbers, sizeof own.options);
    return compute(&own, frame, plan);
}

fg_xla_error *fg_xla_run_row(fg_xla_frame *frame)
{
    if (asks_for_version(frame))
        return NULL;
    const fg_xla_text *const name = attribute(frame, "row");
    const fg_xla_numbers *const integers = attribute(frame, "plan");
    const fg_xla_numbers *const doubles = attribute(frame, "numbers");
    if (name == NULL || integers == NULL || doubles == NULL || doubles->size < FG_MAX_OPTIONS)
        return failure(frame, FG_XLA_INVALID_ARGUMENT, "fastgen: a call lacks its attributes");
    const fg_xla_row *const row =
        bsearch(name, known_rows, known_count, sizeof *known_rows, compare_names);
    fg_xla_plan plan = {integers->data, integers->size, doubles->data, doubles->size};
    const fg_op *const op = row == NULL ? NULL : next(&plan) == 1 ? row->derivative : row->value;
    const char *wrong = "this version of fastgen has no such operation";
    if (op != NULL) {
        fg_lender lender;
        const fg_lender *const before = fg_xla_lend_threads(frame, &lender);
        wrong = (op->facts.lanes ? compute_with_options : compute)(op, frame, &plan);
        fg_lend_threads(before);
    }
    if (wrong == NULL)
        return NULL;
    char message[256];
    snprintf(message, sizeof message, "fastgen.%.*s: %s", (int)name->size, name->data, wrong);
    return failure(frame, FG_XLA_INTERNAL, message);
}

static _Atomic(fg_xla_callback *) callback;
static atomic_long calls_back;

long fg_xla_use_callback(fg_xla_callback *function)
{
    atomic_store(&callback, function);
    return atomic_load(&calls_back);
}

/* XLA's threads flush small numbers to zero; NumPy must not. */
fg_xla_error *fg_xla_call_back(fg_xla_frame *frame)
{
    if (asks_for_version(frame))
        return NULL;
    const fg_xla_text *const call = attribute(frame, "call");
    if (call == NULL)
        return failure(frame, FG_XLA_INVALID_ARGUMENT, "fastgen: a call lacks its attributes");
    char message[2048] = "fastgen: the interpreter is shutting down";
    int wrong = 1;
    atomic_fetch_add(&calls_back, 1);
    fg_xla_callback *const function = atomic_load(&callback);
    if (function != NULL) {
        fg_lender lender;
        const fg_lender *const before = fg_xla_lend_threads(frame, &lender);
        const fg_fpenv saved = fg_fpenv_pin();
        wrong = function(*call, &frame->in, &frame->out, message, sizeof message);
        fg_fpenv_restore(saved);
        fg_lend_threads(before);
    }
    atomic_fetch_sub(&calls_back, 1);
    const int code = function == NULL ? FG_XLA_UNAVAILABLE : FG_XLA_INTERNAL;
    return wrong ? failure(frame, code, message) : NULL;
}
