/* The functions that XLA calls, where a compiled program of JAX calls fastgen. */
#ifndef FG_XLA_HANDLERS_H
#define FG_XLA_HANDLERS_H

#include "core/call.h"
#include "xla/ffi.h"

/* A row, as XLA's programs name it. */
typedef struct {
    const char *name;
    const fg_op *value, *derivative; /* NULL: there is none */
} fg_xla_row;

/* Gives the handler its rows, in the order of strcmp. They must live as long as the process. */
void fg_xla_use_rows(const fg_xla_row *rows, size_t count);

/* Runs a row, or its derivative. The attributes:
 *
 *     row      the name
 *     plan     64-bit integers: whether it is the derivative, the precision of arithmetic,
 *              keepdims, the number of axes or FG_ALL_AXES, the axes; for each input a buffer and
 * -1, or a buffer and the position of one number of double precision in it, or -1 and the position
 * of one in `numbers`; for each output a buffer, or -1 numbers  doubles: the options of the
 * operation, and constants
 */
fg_xla_handler fg_xla_run_row;

/* Calls back a function of the host program: what no single row computes. It returns 0, or 1 with a
 * message for the user. The text is the attribute `call`. */
typedef int fg_xla_callback(fg_xla_text call, const fg_xla_buffers *in, const fg_xla_buffers *out,
                            char *message, size_t size);
fg_xla_handler fg_xla_call_back;

/* Sets the function; NULL: calls fail from now on. Returns how many calls still run. */
long fg_xla_use_callback(fg_xla_callback *function);

#endif
