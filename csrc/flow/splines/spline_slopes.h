/* The slopes of a spline at its K + 1 knots, from raw parameters. K - 1 parameters are of the inner
 * knots, and the slope is 1 at both ends. K parameters are of the first K knots, and the last knot
 * has the slope of the first. K + 1 parameters are of all knots. */
#ifndef FG_FLOW_SPLINES_SPLINE_SLOPES_H
#define FG_FLOW_SPLINES_SPLINE_SLOPES_H

#include "elementary/exp.h"
#include "elementary/softplus.h"
#include "flow/splines/spline_options.h"

/* The slopes at the ends of the point's bin, and their derivatives with respect to the raw ones. */
typedef struct {
    lanes d0, d1, d0_by, d1_by;
} spline_end_slopes;

/* The number of the knot of the first raw slope. */
static inline ptrdiff_t first_knot(ptrdiff_t bins, ptrdiff_t given)
{
    return given < bins ? 1 : 0;
}

/* softplus(u), and its derivative from the same exponential. */
static inline real softplus_and_slope(real u, real *by_u)
{
    const real e = exp_within_limits(-real_abs(u));
    *by_u = (u < 0 ? e : R(1.0)) / (R(1.0) + e);
    return real_softplus(u);
}

/* If the point is in bin i or above, its ends are those of bin i. */
static inline __attribute__((always_inline)) void
spline_raw_ends(real i, const lanes *restrict left, const lanes *restrict right,
                const lanes *restrict bin, lanes *restrict low, lanes *restrict high)
{
    EACH_LANE(l) {
        const real_bits mask = (*bin)[l] >= i ? ~(real_bits)0 : 0;
        (*low)[l] = real_select_by(mask, (*left)[l], (*low)[l]);
        (*high)[l] = real_select_by(mask, (*right)[l], (*high)[l]);
    }
}

/* The raw slopes at both ends of the point's bin. If an end has none, the result has no meaning. */
static __attribute__((noinline)) void spline_raw_slopes(ptrdiff_t bins, ptrdiff_t given,
                                                        const lanes *restrict raw,
                                                        const lanes *restrict bin,
                                                        lanes *restrict low, lanes *restrict high)
{
    const ptrdiff_t first = first_knot(bins, given);
    const lanes *const last = &raw[given > bins ? bins : 0];
    EACH_LANE(l) {
        (*low)[l] = raw[0][l];
        (*high)[l] = raw[1 - first][l];
    }
    for (ptrdiff_t i = 1; i < bins - 1; i++)
        spline_raw_ends((real)i, &raw[i - first], &raw[i + 1 - first], bin, low, high);
    spline_raw_ends((real)(bins - 1), &raw[bins - 1 - first], last, bin, low, high);
}

/* e^x. If x were rounded to float first, the result would be off by |x| / 2 ULP. */
static inline real exp_of_wide(wide_real x)
{
    const real head = (real)x, tail = (real)(x - (wide_real)head), e = real_exp(head);
    return mul_add(e, tail, e);
}

/* The slope from a raw slope, and its derivative. */
static void spline_slope_of(const double *options, const lanes *restrict raw, lanes *restrict slope,
                            lanes *restrict by_raw)
{
    const enum spline_convention convention = (enum spline_convention)options[SPLINE_CONVENTION];
    const real least = (real)options[SPLINE_MIN_SLOPE];
    const real offset = (real)options[SPLINE_SLOPE_OFFSET];
    if (convention == SPLINE_ZUKO)
        EACH_LANE(l) {
            const wide_real u = (wide_real)(*raw)[l], limit = options[SPLINE_SLOPE_OFFSET];
            const wide_real inverse = 1 / wide_mul_add(wide_abs(u), limit, 1.0);
            (*slope)[l] = exp_of_wide(u * inverse);
            (*by_raw)[l] = (*slope)[l] * (real)(inverse * inverse);
        }
    else if (convention == SPLINE_TFP)
        EACH_LANE(l) {
            (*slope)[l] = (*raw)[l];
            (*by_raw)[l] = 1;
        }
    else
        EACH_LANE(l) {
            const real u = convention == SPLINE_DISTRAX ? (*raw)[l] + offset : (*raw)[l];
            (*slope)[l] = softplus_and_slope(u, &(*by_raw)[l]) + least;
        }
}

static void spline_slopes_at(const double *options, ptrdiff_t bins, ptrdiff_t given,
                             const lanes *raw, const lanes *restrict bin,
                             spline_end_slopes *restrict ends)
{
    const real last = (real)(bins - 1);
    lanes low, high;
    spline_raw_slopes(bins, given, raw, bin, &low, &high);
    spline_slope_of(options, &low, &ends->d0, &ends->d0_by);
    spline_slope_of(options, &high, &ends->d1, &ends->d1_by);
    if (given < bins)
        EACH_LANE(l) {
            ends->d0[l] = real_select((*bin)[l] == R(0.0), R(1.0), ends->d0[l]);
            ends->d1[l] = real_select((*bin)[l] == last, R(1.0), ends->d1[l]);
        }
}

/* From the gradients of the slopes at both ends to the gradients of the raw parameters. */
static void spline_slopes_vjp(ptrdiff_t bins, ptrdiff_t given, const lanes *restrict bin,
                              const lanes *restrict by_low, const lanes *restrict by_high,
                              lanes *d_raw)
{
    const ptrdiff_t first = first_knot(bins, given);
    const real last = given == bins ? (real)(bins - 1) : R(-1.0);
    for (ptrdiff_t i = 0; i < given; i++)
        EACH_LANE(l) {
            const real knot = (real)(first + i);
            const real low = real_select((*bin)[l] == knot, (*by_low)[l], R(0.0));
            d_raw[i][l] = low + real_select((*bin)[l] + R(1.0) == knot, (*by_high)[l], R(0.0));
        }
    EACH_LANE(l)
        d_raw[0][l] += real_select((*bin)[l] == last, (*by_high)[l], R(0.0));
}

#endif
