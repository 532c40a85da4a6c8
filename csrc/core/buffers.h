/* Memory for the results of calls. Memory that is fresh from the system costs a page fault per
 * page, which takes longer than most calls do. So the blocks of results that were freed are kept
 * for the next results of the same size.
 *
 * All blocks that are kept have at most as many bytes as the limit says. A block that nobody wanted
 * for KEPT_MS goes back to the system at the next call of a function below; the oldest goes when
 * there is no room for another. All go where the system refuses memory. Any thread may call these
 * functions. The child of a fork begins without kept blocks: to write to pages of its parent is
 * slower than to take fresh ones.
 */
#ifndef FG_CORE_BUFFERS_H
#define FG_CORE_BUFFERS_H

#include <stddef.h>

/* Smaller blocks come from malloc, which reuses them by itself, and are never kept. */
#define FG_BUFFER_BYTES ((size_t)64 << 10)

/* At least `bytes` bytes, aligned to a cache line, of any content. NULL: no memory. */
void *fg_buffer_take(size_t bytes);

/* Give the block back; NULL is allowed. */
void fg_buffer_give(void *memory);

/* A block of another size with the same content, as realloc does it. NULL: no memory, and the old
 * block stays. */
void *fg_buffer_resize(void *memory, size_t bytes);

/* Give all kept blocks back to the system. */
void fg_buffers_drop(void);

/* How many bytes may be kept. 0 keeps nothing, and is the limit until it is set. */
size_t fg_buffer_limit(void);
void fg_set_buffer_limit(size_t bytes);

/* How many bytes are kept now. */
size_t fg_buffers_kept(void);

#endif
