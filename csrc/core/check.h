/* Whether a row's maps, stages and kernels take and give what its signature says. */
#ifndef FG_CORE_CHECK_H
#define FG_CORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/op.h"

/* Of one row in float, and the same row in double. False: `message` says what is wrong, in at most
 * `size` bytes. */
bool fg_check_row(const fg_row *single, const fg_row *wide, char *message, size_t size);

#endif
