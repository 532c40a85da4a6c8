/* The threads of XLA, lent to the calls of a handler. */
#ifndef FG_XLA_THREADS_H
#define FG_XLA_THREADS_H

#include "core/lent.h"
#include "xla/ffi.h"

/* From now on, calls in this thread use XLA's threads, or fastgen's where XLA lends none. Returns
 * what they used before: give it to fg_lend_threads before the handler returns. Until then,
 * `lender` must live. */
const fg_lender *fg_xla_lend_threads(fg_xla_frame *frame, fg_lender *lender);

#endif
