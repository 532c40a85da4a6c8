/* Sign and log|det| of a small matrix, from its elimination P A = L U:
 *     log|det A| = sum_j log|U_jj|,  d log|det A| / dA = A^-T.
 *
 * The pivots are multiplied, and one logarithm is taken (elementary/product.h). The gradient solves
 * for the columns of the inverse. Each is eliminated like a further column of A.
 *
 * Source of the gradient: Giles, Collected matrix derivative results (2008), section 2.2.3.
 * Max error: 2 ULP of the larger of |log|det|| and the condition number |A|_F |A^-1|_F. Found: 1.2
 * u of it, and of the gradient 0.8 u of that number times |A^-1|_F (u = 2^-53), over random,
 * graded, nearly singular and nearly diagonal matrices of n = 2 to 32. If pivots grow, which is
 * rare, the error is larger. A pivot of 0 gives sign 0 and -inf; NaN gives NaN for both.
 */
#ifndef FG_FLOW_DETERMINANTS_SLOGDET_H
#define FG_FLOW_DETERMINANTS_SLOGDET_H

#include "elementary/product.h"
#include "flow/determinants/elimination.h"

static void slogdet_multiply(ptrdiff_t j, const lanes *restrict pivot,
                             const lane_rows *restrict row, lanes *restrict sign,
                             lanes *restrict high, lanes *restrict low, lanes *restrict exponent)
{
    EACH_LANE(l) {
        const product before = {(*high)[l], (*low)[l], (*exponent)[l]};
        const product p = normalized(times(before, (*pivot)[l]));
        const real turned = (*row)[l] == j ? (*sign)[l] : -(*sign)[l];
        (*sign)[l] = (*pivot)[l] < 0 ? -turned : turned;
        (*high)[l] = p.high, (*low)[l] = p.low, (*exponent)[l] = p.exponent;
    }
}

static void slogdet_factorize(ptrdiff_t n, const lanes *a, int with_upper, elimination *f,
                              lanes *restrict sign, lanes *restrict logabsdet)
{
    lanes high, low, exponent, pivot, *const y = f->column, *lower = f->lower, *upper = f->upper;
    EACH_LANE(l)
        (*sign)[l] = high[l] = 1, low[l] = exponent[l] = 0;
    for (ptrdiff_t j = 0; j < n; lower += n - ++j) {
        for (ptrdiff_t i = 0; i < n; i++)
            memcpy(y[i], a[i * n + j], sizeof *y);
        elimination_steps(n, j, f);
        elimination_pivot(n, j, y, &pivot, &f->row[j]);
        elimination_lower(n, j, y, &pivot, &f->row[j], lower);
        slogdet_multiply(j, &pivot, &f->row[j], sign, &high, &low, &exponent);
        if (with_upper) {
            memcpy(y[j], pivot, sizeof pivot);
            memcpy(upper, y, (size_t)(j + 1) * sizeof *y);
            upper += j + 1;
        }
    }
    EACH_LANE(l) {
        const product p = {high[l], low[l], exponent[l]};
        const real log = log_of_product(p);
        (*logabsdet)[l] = log;
        (*sign)[l] = log == -REAL_INFINITY ? R(0.0) : log == log ? (*sign)[l] : log;
    }
}

FG_LANE_OPERANDS(slogdet_lanes, 1, 2);
static void slogdet_lanes(const ptrdiff_t *size, const double *options, void *const *operand,
                          void *scratch)
{
    elimination f = elimination_space(size[0], scratch);
    (void)options;
    slogdet_factorize(size[0], (lanes *)operand[0], 0, &f, (lanes *)operand[1],
                      (lanes *)operand[2]);
}

FG_LANE_OPERANDS(slogdet_vjp_lanes, 3, 3);
static void slogdet_vjp_lanes(const ptrdiff_t *size, const double *options, void *const *operand,
                              void *scratch)
{
    const ptrdiff_t n = size[0];
    elimination f = elimination_space(n, scratch);
    const lanes *restrict const cotangent = (lanes *)operand[2]; /* the sign has gradient 0 */
    lanes *restrict const d_a = (lanes *)operand[5], *restrict const y = f.column;
    (void)options;
    slogdet_factorize(n, (lanes *)operand[0], 1, &f, (lanes *)operand[3], (lanes *)operand[4]);
    for (ptrdiff_t row = 0; row < n; row++) { /* a row of A^-T is a column of A^-1 */
        for (ptrdiff_t i = 0; i < n; i++)
            EACH_LANE(l)
                y[i][l] = i == row ? R(1.0) : R(0.0);
        elimination_steps(n, n, &f);
        elimination_back(n, f.upper, y);
        for (ptrdiff_t i = 0; i < n; i++)
            EACH_LANE(l)
                d_a[row * n + i][l] = (*cotangent)[l] * y[i][l];
    }
}

#endif
