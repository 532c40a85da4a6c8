/* The plan of a call: what an operation does with XLA's buffers. It is the attributes `plan`, a
 * list of 64-bit integers, and `numbers`, a list of doubles:
 *
 *     where the row stands among all rows
 *     what to do, of fg_xla_what
 *     the place where an expected cotangent is kept (xla/expected.h); else unused
 *     the precision of arithmetic
 *     keepdims, the number of axes or FG_ALL_AXES, the axes
 *     for each input: a buffer and -1, or a buffer and the position of one number of double
 *         precision in it, or -1 and the position of one in `numbers`
 *     for each output: a buffer, or -1
 *
 * `numbers` has the options of the operation, then constants.
 */
#ifndef FG_XLA_PLAN_H
#define FG_XLA_PLAN_H

#include "core/call.h"
#include "xla/ffi.h"

enum fg_xla_what { FG_XLA_VALUE, FG_XLA_DERIVATIVE, FG_XLA_EXPECT, FG_XLA_CONFIRM };

typedef struct {
    const int64_t *plan; /* what is not read yet */
    size_t left;
    double *numbers;
    size_t count;
} fg_xla_plan;

/* Reads one integer: INT64_MIN at the end. */
int64_t fg_xla_next(fg_xla_plan *plan);

/* Reads keepdims and the axes; `numbers` holds the axes from then on. False if malformed. */
bool fg_xla_read_axes(fg_xla_plan *plan, int *numbers, fg_axes *axes);

/* How many numbers the shapes and strides of all operands have. */
size_t fg_xla_numbers_of_shapes(const fg_xla_frame *frame, const fg_facts *facts);

/* Reads the operands; `room` holds their shapes and strides from then on. False if malformed. */
bool fg_xla_read_operands(fg_xla_plan *plan, const fg_xla_frame *frame, const fg_facts *facts,
                          ptrdiff_t *room, fg_array *array);

/* An operand that is one number of double precision. */
void fg_xla_describe_number(double *number, fg_array *array);
#endif
