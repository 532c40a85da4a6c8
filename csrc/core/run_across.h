/* Rows that lie across memory: neighbouring rows lie side by side, and the elements of a row far
 * apart, as in a sum over the first axis. Row by row, every element would be loaded from a cache
 * line of its own. Here a tile is up to 16 elements (one for each partial sum) of as many rows as
 * fit: [element][row]. Sums are taken in the order that csrc/README.md gives, so their bits are the
 * same. Shared by run_across.c and run_across_tile.c. */
#ifndef FG_CORE_RUN_ACROSS_H
#define FG_CORE_RUN_ACROSS_H

#include "core/compensated_sum.h"
#include "core/run_ways.h"

typedef struct {
    run_plan *plan;
    fg_view rows[FG_MAX_OPERANDS], elements[FG_MAX_OPERANDS]; /* the batch, and a row */
    ptrdiff_t rows_per_tile, rows_per_item;
} across_plan;

/* What a thread works with. Totals are partial sums first: [element % 16][row]. */
typedef struct {
    position at;
    ptrdiff_t first, rows; /* of this tile */
    tile_work tile;
    row_work of_rows;
    compensated_sum *chunk[FG_MAX_TERMS], *sum[FG_MAX_TERMS]; /* of each row */
} across_work;

/* Elements first .. first + count - 1 of the tile's rows through the map of a stage; the terms are
 * added to the partial sums. */
void fg_run_tile_across(const across_plan *across, across_work *work, ptrdiff_t first,
                        ptrdiff_t count);

#endif
