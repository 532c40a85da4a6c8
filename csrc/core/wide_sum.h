/* A sum that carries its own rounding error: error bound independent of the number of terms. */
#ifndef FG_WIDE_SUM_H
#define FG_WIDE_SUM_H

#include <math.h>

typedef struct {
    double high, low;
} wide_sum;

static void wide_add(wide_sum *sum, double x)
{
    const double high = sum->high + x;
    const double part = high - sum->high;
    sum->low += (sum->high - (high - part)) + (x - part);
    sum->high = high;
}

static void wide_join(wide_sum *sum, wide_sum part)
{
    wide_add(sum, part.high);
    sum->low += part.low;
}

static double wide_total(wide_sum sum)
{
    return isfinite(sum.high) ? sum.high + sum.low : sum.high; /* else low is inf - inf */
}

#endif
