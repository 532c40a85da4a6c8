/* A walk along a view: a place in it, and the loads and stores of the elements from there on. */
#ifndef FG_CORE_CURSOR_H
#define FG_CORE_CURSOR_H

#include <stddef.h>

#include "core/loops.h"
#include "core/view.h"

/* A place in a view: the address of the next element, and how many elements, this one included,
 * follow at a constant stride. */
typedef struct {
    char *address;
    ptrdiff_t run;
    ptrdiff_t index[FG_MAX_DIMS];
} fg_cursor;

static inline void fg_cursor_init(fg_cursor *cursor, const fg_view *view, ptrdiff_t start)
{
    cursor->address = view->data;
    if (start == 0) { /* a small call does without divisions */
        for (int d = 0; d < view->ndim; d++)
            cursor->index[d] = 0;
        cursor->run = view->shape[view->ndim - 1];
        return;
    }
    for (int d = view->ndim - 1; d >= 0; d--) {
        const ptrdiff_t index = d > 0 ? start % view->shape[d] : start;
        start = d > 0 ? start / view->shape[d] : 0;
        cursor->index[d] = index;
        cursor->address += index * view->stride[d];
    }
    cursor->run = view->shape[view->ndim - 1] - cursor->index[view->ndim - 1];
}

/* Move past `count` elements, at most cursor->run of them. */
static inline void fg_cursor_advance(fg_cursor *cursor, const fg_view *view, ptrdiff_t count)
{
    int d = view->ndim - 1;
    cursor->address += count * view->stride[d];
    cursor->index[d] += count;
    while (d > 0 && cursor->index[d] == view->shape[d]) {
        cursor->address -= cursor->index[d] * view->stride[d];
        cursor->index[d] = 0;
        d--;
        cursor->address += view->stride[d];
        cursor->index[d]++;
    }
    d = view->ndim - 1;
    cursor->run = view->shape[d] - cursor->index[d];
}

/* Load elements start .. start + count - 1 of an array whose data lies `offset` bytes further. */
static inline void fg_view_load_at(const fg_view *view, ptrdiff_t offset, const fg_loops *loops,
                                   ptrdiff_t start, ptrdiff_t count, void *to)
{
    const ptrdiff_t size = loops->real_size, stride = view->stride[view->ndim - 1];
    char *target = to;
    fg_cursor cursor;
    if (view->ndim == 1 && view->dtype != FG_STREAM) { /* one run: no cursor */
        loops->load(view->dtype, view->data + offset + start * stride, stride, count, to);
        return;
    }
    fg_cursor_init(&cursor, view, start);
    cursor.address += offset;
    while (count > 0) {
        const ptrdiff_t run = cursor.run < count ? cursor.run : count;
        if (view->dtype == FG_STREAM)
            loops->generate((const fg_stream *)view->data, cursor.address - view->data, stride, run,
                            target);
        else
            loops->load(view->dtype, cursor.address, stride, run, target);
        target += run * size;
        count -= run;
        if (count > 0)
            fg_cursor_advance(&cursor, view, run);
    }
}

/* Store elements start .. start + count - 1, likewise. */
static inline void fg_view_store_at(const fg_view *view, ptrdiff_t offset, const fg_loops *loops,
                                    ptrdiff_t start, ptrdiff_t count, const void *from)
{
    const ptrdiff_t size = loops->real_size, stride = view->stride[view->ndim - 1];
    const char *source = from;
    fg_cursor cursor;
    if (view->ndim == 1) {
        loops->store(view->dtype, view->data + offset + start * stride, stride, count, from);
        return;
    }
    fg_cursor_init(&cursor, view, start);
    cursor.address += offset;
    while (count > 0) {
        const ptrdiff_t run = cursor.run < count ? cursor.run : count;
        loops->store(view->dtype, cursor.address, stride, run, source);
        source += run * size;
        count -= run;
        if (count > 0)
            fg_cursor_advance(&cursor, view, run);
    }
}

static inline void fg_view_load(const fg_view *view, const fg_loops *loops, ptrdiff_t start,
                                ptrdiff_t count, void *to)
{
    fg_view_load_at(view, 0, loops, start, count, to);
}

static inline void fg_view_store(const fg_view *view, const fg_loops *loops, ptrdiff_t start,
                                 ptrdiff_t count, const void *from)
{
    fg_view_store_at(view, 0, loops, start, count, from);
}

#endif
