/* Elimination with partial pivoting, P A = L U, of 16 matrices, one in each lane.
 *
 * Columns are finished from left to right. All earlier steps (an exchange of two rows, and the
 * subtraction of a multiple of a column of L) are applied to the next column. Its largest element
 * is then its pivot. Each lane exchanges its own rows, by index: to compare every row with the
 * index took 1.1 to 2 times as long. The quotient of a pivot and an equal number is exactly 1, so
 * that equal rows give exactly 0.
 *
 * Source: Golub and Van Loan, Matrix Computations (2013), section 3.4, in gaxpy form.
 */
#ifndef FG_FLOW_DETERMINANTS_ELIMINATION_H
#define FG_FLOW_DETERMINANTS_ELIMINATION_H

#include <string.h>

#include "core/lanes.h"

typedef int64_t lane_rows[FG_LANES];

/* The result of elimination: the columns of L below the diagonal and, if wanted, the columns of U
 * down to the diagonal, both packed; and the row that step j exchanged with row j. */
typedef struct {
    lanes *lower, *upper, *column;
    lane_rows *row;
} elimination;

static elimination elimination_space(ptrdiff_t n, void *scratch)
{
    lanes *const column = (lanes *)scratch, *const lower = column + 2 * n;
    const elimination f = {lower, lower + n * (n - 1) / 2, column, (lane_rows *)(column + n)};
    return f;
}

/* Applies the first `steps` steps of elimination to a column. */
static void elimination_steps(ptrdiff_t n, ptrdiff_t steps, const elimination *f)
{
    lanes *const y = f->column, factor;
    const lanes *lower = f->lower;
    for (ptrdiff_t k = 0; k < steps; k++) {
        for (int l = 0; l < FG_LANES; l++) {
            const int64_t row = f->row[k][l];
            factor[l] = y[row][l];
            y[row][l] = y[k][l];
        }
        memcpy(y[k], factor, sizeof factor);
        subtract_multiple(y + k + 1, (const lanes *)&factor, lower, 1, n - k - 1);
        lower += n - k - 1;
    }
}

/* The largest of the elements from number j on, and its row. Of equal elements the first is taken.
 * If element j is NaN, the pivot is NaN. */
static void elimination_pivot(ptrdiff_t n, ptrdiff_t j, const lanes *restrict y,
                              lanes *restrict pivot, lane_rows *restrict row)
{
    lanes best, largest, place; /* row numbers are `real`: with integers the loop does not vectorise
                                 * on SSE */
    EACH_LANE(l) {
        best[l] = y[j][l];
        largest[l] = real_abs(y[j][l]);
        place[l] = (real)j;
    }
    for (ptrdiff_t i = j + 1; i < n; i++)
        EACH_LANE(l) {
            const real x = y[i][l], size = real_abs(x);
            const int larger = size > largest[l];
            best[l] = real_select(larger, x, best[l]);
            place[l] = real_select(larger, (real)i, place[l]);
            largest[l] = real_select(larger, size, largest[l]);
        }
    EACH_LANE(l) {
        (*pivot)[l] = best[l];
        (*row)[l] = (int64_t)place[l];
    }
}

/* Column j of L: the elements below the pivot, divided by the pivot. Both are scaled first, so that
 * the inverse of the pivot is a normal number. */
static void elimination_lower(ptrdiff_t n, ptrdiff_t j, const lanes *restrict y,
                              const lanes *restrict pivot, const lane_rows *restrict row,
                              lanes *restrict lower)
{
    lanes scale, scaled, inverse;
    EACH_LANE(l) {
        const real size = real_abs((*pivot)[l]);
        const real up = size < PICK(0x1p-60f, 0x1p-500) ? PICK(0x1p90f, 0x1p600) : R(1.0);
        scale[l] = size > PICK(0x1p60f, 0x1p500) ? PICK(0x1p-90f, 0x1p-600) : up;
        scaled[l] = size == 0 ? R(1.0) : (*pivot)[l] * scale[l]; /* all elements are 0 too, and so
                                                                  * are the quotients */
        inverse[l] = 1 / scaled[l];
    }
    for (ptrdiff_t i = j + 1; i < n; i++)
        EACH_LANE(l) {
            const real x = real_select((*row)[l] == i, y[j][l], y[i][l]);
            lower[i - j - 1][l] = quotient(x * scale[l], scaled[l], inverse[l]);
        }
}

/* Multiplies a column by U^-1, in place. */
static void elimination_back(ptrdiff_t n, const lanes *upper, lanes *y)
{
    for (ptrdiff_t k = n - 1; k >= 0; k--) {
        const lanes *const u = upper + k * (k + 1) / 2;
        EACH_LANE(l)
            y[k][l] /= u[k][l];
        subtract_multiple(y, (const lanes *)&y[k], u, 1, k);
    }
}

#endif
