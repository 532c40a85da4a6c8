/* One operand, seen as a flat sequence of elements in the order of the iteration space.
 *
 * However an array is laid out (strided, transposed, broadcast, half precision), element i of its
 * view is element i of the problem. Dimensions that can be walked as one are merged, so the usual
 * array has a single one. cursor.h walks a view.
 */
#ifndef FG_CORE_VIEW_H
#define FG_CORE_VIEW_H

#include <stddef.h>

#include "core/op.h"

typedef struct {
    char *data; /* NULL: an output that is not wanted */
    enum fg_dtype dtype;
    int ndim;                      /* at least 1 */
    ptrdiff_t shape[FG_MAX_DIMS];  /* outermost first */
    ptrdiff_t stride[FG_MAX_DIMS]; /* bytes; 0 where broadcast */
} fg_view;

static inline ptrdiff_t fg_dtype_size(enum fg_dtype dtype)
{
    return dtype == FG_F64 ? 8 : dtype == FG_F32 ? 4 : dtype == FG_STREAM ? 1 : 2;
}

static inline void fg_view_init(fg_view *view, char *data, enum fg_dtype dtype, int ndim,
                                const ptrdiff_t *shape, const ptrdiff_t *stride)
{
    ptrdiff_t length = 1, step = fg_dtype_size(dtype); /* of the innermost dimension so far */
    int last = 0;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] == 1)
            continue;
        if (length == 1) {
            length = shape[d];
        } else if (step == stride[d] * shape[d]) {
            length *= shape[d];
        } else {
            view->shape[last] = length;
            view->stride[last++] = step;
            length = shape[d];
        }
        step = stride[d];
    }
    view->shape[last] = length;
    view->stride[last] = step;
    view->ndim = last + 1;
    view->data = data;
    view->dtype = dtype;
}

#endif
