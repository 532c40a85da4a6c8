/* Memory for the length of a call, so that a call needs little of the C stack.
 *
 * Every thread keeps one block and hands out pieces of it like a stack: the piece taken last is
 * given back first. A piece that does not fit is allocated by itself. The block is freed when its
 * thread ends. Only the pages that a call has written to take memory.
 */
#ifndef FG_CORE_SCRATCH_H
#define FG_CORE_SCRATCH_H

#include <stddef.h>

enum { FG_ALIGNMENT = 64 }; /* a cache line, and the widest vector */

/* At least `bytes` bytes, aligned to FG_ALIGNMENT, of no particular content. NULL: no memory. */
void *fg_scratch_take(size_t bytes);

/* Give back the piece taken last on this thread; NULL is allowed. */
void fg_scratch_give(void *memory);

#endif
