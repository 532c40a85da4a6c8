/* The sum of log|x| over rows, by one logarithm per row: of the product of its elements.
 *
 * Where a sum rounds every logarithm, a product keeps what its roundings lose, so that the result
 * is right to 1.5 ULP of itself, for rows of a tile; the totals of blocks of longer rows are added
 * like all others. Rows of up to 64 elements go 16 at a time, one in each lane, and longer ones by
 * themselves: lane j takes elements j, j + 16, ..., after those that fill no group of 16, and lanes
 * 8 apart are multiplied, then 4, 2, 1.
 *
 * Part of loops.c. Float has the logarithms of rows of one element, and the factors of longer ones,
 * whose products are taken in double.
 */
#ifndef FG_LOG_PRODUCT_H
#define FG_LOG_PRODUCT_H

#include "core/op.h"
#include "elementary/log.h"
#include "elementary/product.h"

#if FG_REAL_BITS == 64
enum { ROW_OF_A_LANE = 64 };

typedef struct {
    real high[FG_LANES], low[FG_LANES], exponent[FG_LANES];
} product_lanes;

static inline product lane_of(const product_lanes *p, int j)
{
    const product q = {p->high[j], p->low[j], p->exponent[j]};
    return q;
}

static inline void set_lane(product_lanes *p, int j, product q)
{
    p->high[j] = q.high, p->low[j] = q.low, p->exponent[j] = q.exponent;
}

/* By n groups of lanes. */
static void multiply_lanes(const real *restrict x, ptrdiff_t n, product_lanes *restrict result)
{
    product_lanes p = *result;
    for (ptrdiff_t i = 0; i < n; i++)
        for (int j = 0; j < FG_LANES; j++)
            set_lane(&p, j, times(lane_of(&p, j), x[i * FG_LANES + j]));
    *result = p;
}

static const product_lanes no_factors = {
    .high = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
};

/* Up to 16 short rows: lane r has row r, or nothing. */
static void multiply_short_rows(const real *x, ptrdiff_t n, ptrdiff_t rows, product_lanes *p)
{
    _Alignas(64) real columns[ROW_OF_A_LANE][FG_LANES];
    for (ptrdiff_t i = 0; rows < FG_LANES && i < n; i++)
        memcpy(columns[i], no_factors.high, sizeof columns[i]);
    load_lanes(FG_F64, (const char *)x, n * (ptrdiff_t)sizeof(real), rows, sizeof(real), n,
               columns);
    *p = no_factors;
    multiply_lanes(columns[0], n, p);
}

/* A long row: into lane r. */
static void multiply_long_row(const real *x, ptrdiff_t n, product_lanes *result, int r)
{
    const ptrdiff_t left = n % FG_LANES, whole = n - left;
    product_lanes p = no_factors;
    real last[FG_LANES];
    memcpy(last, no_factors.high, sizeof last);
    memcpy(last, x + whole, (size_t)left * sizeof(real));
    multiply_lanes(last, 1, &p);
    multiply_lanes(x, whole / FG_LANES, &p);
    for (int j = 0; j < 8; j++)
        set_lane(&p, j, product_of(lane_of(&p, j), lane_of(&p, j + 8)));
    for (int j = 0; j < 4; j++)
        set_lane(&p, j, product_of(lane_of(&p, j), lane_of(&p, j + 4)));
    for (int j = 0; j < 2; j++)
        set_lane(&p, j, product_of(lane_of(&p, j), lane_of(&p, j + 2)));
    set_lane(result, r, product_of(lane_of(&p, 0), lane_of(&p, 1)));
}

static void log_products(const real *x, ptrdiff_t n, ptrdiff_t rows, double *totals)
{
    for (ptrdiff_t r = 0; r < rows; r += FG_LANES) {
        const ptrdiff_t count = rows - r < FG_LANES ? rows - r : FG_LANES;
        product_lanes p = no_factors;
        double logs[FG_LANES];
        if (n <= ROW_OF_A_LANE)
            multiply_short_rows(x + r * n, n, count, &p);
        else
            for (int l = 0; l < count; l++)
                multiply_long_row(x + (r + l) * n, n, &p, l);
        for (int j = 0; j < FG_LANES; j++)
            logs[j] = log_of_product(lane_of(&p, j));
        memcpy(totals + r, logs, (size_t)count * sizeof *totals);
    }
}
#else
/* A row of float as fewer factors in double: from 32 elements on, the products of pairs half a row
 * apart, which are exact. Returns how many there are in a row. */
static ptrdiff_t factor_rows(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *restrict to)
{
    const float *restrict x = tile;
    const ptrdiff_t pairs = n < 32 ? 0 : n / 2, left = n - 2 * pairs;
    for (ptrdiff_t i = 0; pairs == 0 && i < n * rows; i++)
        to[i] = (double)x[i];
    for (ptrdiff_t r = 0; pairs > 0 && r < rows; r++, x += n, to += pairs + left) {
        for (ptrdiff_t i = 0; i < pairs; i++)
            to[i] = (double)x[i] * (double)x[i + pairs];
        if (left)
            to[pairs] = (double)x[n - 1];
    }
    return pairs + left;
}
#endif

static void log_rows(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *totals)
{
    const real *const x = tile;
#if FG_REAL_BITS == 64
    if (n > 1) {
        log_products(x, n, rows, totals);
        return;
    }
#endif
    for (ptrdiff_t r = 0; r < rows * n; r++)
        totals[r] = (double)real_log(real_abs(x[r]));
}

#endif
