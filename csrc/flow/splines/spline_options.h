/* The options of a spline: the interval of its bins, the conventions of the libraries, and the
 * behaviour outside of the bins. */
#ifndef FG_FLOW_SPLINES_SPLINE_OPTIONS_H
#define FG_FLOW_SPLINES_SPLINE_OPTIONS_H

#include "core/lanes.h"

enum spline_option {
    SPLINE_BOUND,
    SPLINE_MIN_WIDTH,
    SPLINE_MIN_HEIGHT,
    SPLINE_MIN_SLOPE,
    SPLINE_SLOPE_OFFSET, /* added to a raw slope (distrax); the inverse of its soft limit (zuko) */
    SPLINE_CONVENTION,
    SPLINE_TAILS,
};
enum spline_convention { SPLINE_NFLOWS, SPLINE_ZUKO, SPLINE_DISTRAX, SPLINE_TFP };
enum spline_tails { SPLINE_LINEAR, SPLINE_NO_TAILS, SPLINE_CIRCULAR };

/* How raw parameters become sizes. They are clipped softly (zuko; clip is 0 for others). Then a
 * size is `least` plus a share of `free`. TFP's parameters are sizes already (`given`). */
typedef struct {
    int given;
    double bound, free, least, clip;
} spline_axis;

static inline spline_axis spline_axis_of(const double *options, enum spline_option minimum,
                                         ptrdiff_t bins)
{
    const int convention = (int)options[SPLINE_CONVENTION];
    spline_axis axis = {convention == SPLINE_TFP, options[SPLINE_BOUND], 0, 0, 0};
    if (convention == SPLINE_NFLOWS)
        axis.least = 2 * axis.bound * options[minimum]; /* a share of the interval */
    else if (convention == SPLINE_DISTRAX)
        axis.least = options[minimum];
    else if (convention == SPLINE_ZUKO) /* 2 / |log of the least slope| */
        axis.clip = options[minimum];
    axis.free = 2 * axis.bound - (double)bins * axis.least;
    return axis;
}

#endif
