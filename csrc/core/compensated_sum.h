/* A sum that keeps its rounding error beside it, so that its error does not grow with the number of
 * terms (Knuth's TwoSum). */
#ifndef FG_CORE_COMPENSATED_SUM_H
#define FG_CORE_COMPENSATED_SUM_H

#include <math.h>

typedef struct {
    double high, low; /* the rounded sum, and the errors of its roundings */
} compensated_sum;

static inline void compensated_add(compensated_sum *sum, double x)
{
    const double high = sum->high + x;
    const double part = high - sum->high;
    sum->low += (sum->high - (high - part)) + (x - part);
    sum->high = high;
}

static inline void compensated_join(compensated_sum *sum, compensated_sum part)
{
    compensated_add(sum, part.high);
    sum->low += part.low;
}

/* Where the sum is infinite or NaN, `low` is NaN (infinity less infinity), and is left out. */
static inline double compensated_total(compensated_sum sum)
{
    return isfinite(sum.high) ? sum.high + sum.low : sum.high;
}

#endif
