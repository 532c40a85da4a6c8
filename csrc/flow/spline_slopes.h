/* The slopes of a spline at its K + 1 knots, from raw parameters: of the K - 1 inner knots, and
 * then the slope is 1 at both ends; of K knots, and then the last has the slope of the first; or of
 * all.
 */
#ifndef FG_FLOW_SPLINE_SLOPES_H
#define FG_FLOW_SPLINE_SLOPES_H

#include "elementary/exp.h"
#include "elementary/softplus.h"
#include "flow/spline_bins.h"

/* Which raw parameter is that of a knot; -1 where there is none. */
static inline int64_t slope_index(int64_t knot, ptrdiff_t bins, ptrdiff_t given)
{
    const int64_t index = given < bins ? knot - 1 : knot;
    const int64_t around = given == bins && index == bins ? 0 : index;
    return around < given ? around : -1;
}

/* softplus(u), and its derivative from the same exponential. */
static inline real softplus_and_slope(real u, real *by_u)
{
    const real e = exp_within_limits(-real_abs(u));
    *by_u = (u < 0 ? e : R(1.0)) / (R(1.0) + e);
    return real_softplus(u);
}

/* The slopes at the lower (side 0) or upper end (side 1) of the bin that was found, and where
 * by_raw is not NULL, their derivatives by the raw parameter. */
static inline __attribute__((always_inline)) void
spline_slopes_at(const double *options, ptrdiff_t bins, ptrdiff_t given, int side, const lanes *raw,
                 const lane_indices *bin, lanes *restrict slope, lanes *restrict by_raw)
{
    const enum spline_convention convention = (enum spline_convention)options[SPLINE_CONVENTION];
    const real least = (real)options[SPLINE_MIN_SLOPE];
    const real offset = (real)(convention == SPLINE_DISTRAX ? options[SPLINE_SLOPE_OFFSET] : 0);
    const real clip = (real)(convention == SPLINE_ZUKO ? options[SPLINE_SLOPE_OFFSET] : 0);
    lanes chosen;
    EACH_LANE(l)
    {
        const int64_t index = slope_index((*bin)[l] + side, bins, given);
        chosen[l] = raw[index > 0 ? index : 0][l];
    }
    if (convention == SPLINE_ZUKO)
        EACH_LANE(l)
        {
            const real inverse = 1 / mul_add(real_abs(chosen[l]), clip, R(1.0));
            (*slope)[l] = real_exp(chosen[l] * inverse);
            if (by_raw != NULL)
                (*by_raw)[l] = (*slope)[l] * (inverse * inverse);
        }
    else if (convention == SPLINE_TFP)
        EACH_LANE(l)
        {
            (*slope)[l] = chosen[l];
            if (by_raw != NULL)
                (*by_raw)[l] = 1;
        }
    else
        EACH_LANE(l)
        {
            real by_u;
            (*slope)[l] = softplus_and_slope(chosen[l] + offset, &by_u) + least;
            if (by_raw != NULL)
                (*by_raw)[l] = by_u;
        }
    EACH_LANE(l)
    (*slope)[l] = slope_index((*bin)[l] + side, bins, given) < 0 ? R(1.0) : (*slope)[l];
}

/* From the gradients by the slopes at both ends to those by the raw parameters. */
static void spline_slopes_vjp(ptrdiff_t bins, ptrdiff_t given, const lane_indices *bin,
                              const lanes *by_low, const lanes *by_high, lanes *d_raw)
{
    lane_indices low, high;
    EACH_LANE(l)
    {
        low[l] = slope_index((*bin)[l], bins, given);
        high[l] = slope_index((*bin)[l] + 1, bins, given);
    }
    for (ptrdiff_t i = 0; i < given; i++)
        EACH_LANE(l)
    d_raw[i][l] = (i == low[l] ? (*by_low)[l] : R(0.0)) + (i == high[l] ? (*by_high)[l] : R(0.0));
}

#endif
