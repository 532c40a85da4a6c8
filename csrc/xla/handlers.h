/* The functions that XLA calls, where a compiled program of JAX calls fastgen. */
#ifndef FG_XLA_HANDLERS_H
#define FG_XLA_HANDLERS_H

#include "xla/rows.h"

/* Gives the handler its rows, in the order of strcmp. They must live as long as the process. */
void fg_xla_use_rows(const fg_xla_row *rows, size_t count);

/* Computes a row, or its derivative. The attributes are `row`, its name, and those of its plan. */
fg_xla_handler fg_xla_run_row;

/* Calls back a function of the host program: what no single row computes. It returns 0, or 1 with a
 * message for the user. The text is the attribute `call`. */
typedef int fg_xla_callback(fg_xla_text call, const fg_xla_buffers *in, const fg_xla_buffers *out,
                            char *message, size_t size);
fg_xla_handler fg_xla_call_back;

/* Sets the function; NULL: calls fail from now on. Returns how many calls still run. */
long fg_xla_use_callback(fg_xla_callback *function);

#endif
