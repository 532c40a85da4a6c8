/* The end of a sum in FG_LANES partial sums: lanes 8 apart are added, 4 apart, 2, 1. */
#ifndef FG_CORE_SUM_H
#define FG_CORE_SUM_H

#include "core/op.h"

static inline double sum_of_lanes(double *lane)
{
    for (int j = 0; j < 8; j++)
        lane[j] += lane[j + 8];
    for (int j = 0; j < 4; j++)
        lane[j] += lane[j + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

#endif
