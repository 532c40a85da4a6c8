/* Computes a row, or its derivative, on XLA's buffers. */
#ifndef FG_XLA_ROWS_H
#define FG_XLA_ROWS_H

#include "xla/plan.h"

/* A row, as XLA's programs name it. */
typedef struct {
    const char *name;
    const fg_op *value, *derivative; /* NULL: there is none */
} fg_xla_row;

/* Computes what the plan says. Returns NULL, or what is wrong.
 *
 * FG_XLA_EXPECT computes the value, with the gradients for the cotangent that is expected. The plan
 * is that of the derivative. A last result more is the cotangent as a double; NaN: there are no
 * gradients, because none is expected.
 *
 * FG_XLA_CONFIRM computes the gradients. It has more operands: what FG_XLA_EXPECT gave, the
 * cotangent first, then for each result the gradient, in the same memory. They are kept if the
 * cotangent is the expected one.
 */
const char *fg_xla_compute(const fg_xla_row *row, const fg_xla_frame *frame, fg_xla_plan *plan);

#endif
