/* The kernels of the rational-quadratic spline: bins, search, formula, and the way back. */
#ifndef FG_FLOW_RATIONAL_QUADRATIC_LANES_H
#define FG_FLOW_RATIONAL_QUADRATIC_LANES_H

#include "elementary/log.h"
#include "flow/rational_quadratic_spline.h"

/* What is known of the point in each lane. `shift` is what circular tails take off, `beyond` how
 * far it lies outside of the bins. */
typedef struct {
    lanes inside, beyond, shift, x0, x1, y0, y1, d0, d1, d0_by, d1_by;
    lane_indices bin;
} spline_place;

static void spline_place_points(const double *options, ptrdiff_t bins, const lanes *knots,
                                const lanes *restrict x, spline_place *restrict at)
{
    const real period = (real)(2 * options[SPLINE_BOUND]);
    const real turns = options[SPLINE_TAILS] == SPLINE_CIRCULAR ? 1 / period : R(0.0);
    EACH_LANE(l)
    {
        const real shifter = PICK(0x1.8p23f, 0x1.8p52);
        const real rounded = mul_add((*x)[l], turns, shifter) - shifter;
        at->shift[l] = turns > 0 ? rounded * period : R(0.0);
        const real reduced = (*x)[l] - at->shift[l];
        at->inside[l] = real_min(knots[bins][l], real_max(knots[0][l], reduced));
        const real beyond = reduced - at->inside[l];
        at->beyond[l] = beyond == beyond ? beyond : R(0.0); /* NaN is in a bin, and stays NaN */
    }
    spline_search(bins, knots, &at->inside, &at->bin);
}

static inline __attribute__((always_inline)) void
spline_find(const double *options, ptrdiff_t bins, ptrdiff_t slopes, const lanes *x,
            const lanes *x_knots, const lanes *y_knots, const lanes *raw_slopes, int inverse,
            int derivative, spline_place *at)
{
    spline_place_points(options, bins, inverse ? y_knots : x_knots, x, at);
    EACH_LANE(l)
    {
        const int64_t bin = at->bin[l];
        at->x0[l] = x_knots[bin][l];
        at->x1[l] = x_knots[bin + 1][l];
        at->y0[l] = y_knots[bin][l];
        at->y1[l] = y_knots[bin + 1][l];
    }
    spline_slopes_at(options, bins, slopes, 0, raw_slopes, &at->bin, &at->d0,
                     derivative ? &at->d0_by : NULL);
    spline_slopes_at(options, bins, slopes, 1, raw_slopes, &at->bin, &at->d1,
                     derivative ? &at->d1_by : NULL);
}

static inline rational_quadratic_point spline_point(const spline_place *at, int l, int inverse)
{
    rational_quadratic_point p;
    p.x0 = at->x0[l], p.x1 = at->x1[l], p.y0 = at->y0[l], p.y1 = at->y1[l];
    p.d0 = at->d0[l], p.d1 = at->d1[l];
    rational_quadratic_locate(&p, at->inside[l], inverse);
    return p;
}

/* Where the line of an end goes on: (end + step, or end + step / slope), exactly x for a slope of 1
 * and an end that is the same in x and y. */
static inline real spline_beyond(real inside, real beyond, real end, real rate)
{
    const real more = rate == R(1.0) ? R(0.0) : beyond * (rate - R(1.0));
    return (inside + beyond) + (more + (end - inside));
}

static inline __attribute__((always_inline)) void spline_values(const spline_place *restrict at,
                                                                int identity, int inverse,
                                                                lanes *restrict y,
                                                                lanes *restrict log_slope)
{
    EACH_LANE(l)
    {
        const rational_quadratic_point p = spline_point(at, l, inverse);
        real slope;
        const real within = rational_quadratic_value(&p, inverse, &slope);
        const real end_slope = at->beyond[l] < 0 ? at->d0[l] : at->d1[l];
        const real rate = inverse ? 1 / end_slope : end_slope;
        const real end = identity ? at->inside[l] : within;
        const real beyond = spline_beyond(at->inside[l], at->beyond[l], end, rate);
        const int outside = at->beyond[l] != 0;
        (*y)[l] = (outside ? beyond : within) + at->shift[l];
        const real log = real_log(outside ? end_slope : slope);
        (*log_slope)[l] = inverse ? R(0.0) - log : log;
    }
}

static inline __attribute__((always_inline)) void
rational_quadratic_lanes(const ptrdiff_t *size, const double *options, void *const *operand,
                         void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0];
    const spline_axis x_axis = spline_axis_of(options, SPLINE_MIN_WIDTH, bins);
    const spline_axis y_axis = spline_axis_of(options, SPLINE_MIN_HEIGHT, bins);
    lanes *const widths = operand[1], *const heights = operand[2];
    lanes *const x_knots = scratch, *const y_knots = x_knots + bins + 1;
    lanes stretch;
    spline_place at;
    spline_knots(&x_axis, bins, widths, widths, &stretch, x_knots);
    spline_knots(&y_axis, bins, heights, heights, &stretch, y_knots);
    spline_find(options, bins, size[1], operand[0], x_knots, y_knots, operand[3], inverse, 0, &at);
    spline_values(&at, x_axis.given, inverse, operand[4], operand[5]);
}

/* By the input, by a size of the bins below, and of the bin itself, and by the slopes at its ends.
 */
typedef struct {
    lanes x_below, x_here, y_below, y_here, d0, d1;
} spline_gradient;

static inline __attribute__((always_inline)) void
spline_gradients(const spline_place *restrict at, int inverse, const lanes *restrict by_y,
                 const lanes *restrict by_log, const lanes *restrict y, lanes *restrict d_x,
                 spline_gradient *restrict d)
{
    EACH_LANE(l)
    {
        const rational_quadratic_point p = spline_point(at, l, inverse);
        const int below = at->beyond[l] < 0, outside = at->beyond[l] != 0;
        const real inverse_w = 1 / p.w, end = below ? p.d0 : p.d1;
        const real by_l = inverse ? -(*by_log)[l] : (*by_log)[l];
        real within;
        rational_quadratic_value(&p, inverse, &within);
        const real slope = outside ? end : within;
        /* The inverse moves x where the forward function moves y. */
        const real i = 1 / rational_quadratic_den(&p), curve = rational_quadratic_curve(&p);
        const real l_x =
            outside ? R(0.0) : rational_quadratic_log_by_theta(&p, i, 1 / curve) * inverse_w;
        const real by = inverse ? -mul_add(by_l, l_x, (*by_y)[l]) / slope : (*by_y)[l];
        const rational_quadratic_gradient g = rational_quadratic_vjp(&p, by, by_l);
        const real phi = mul_add(p.s, p.theta, p.d0 * p.om) * (p.theta * i);
        const real by_x = g.theta * inverse_w, by_size = g.s * inverse_w;
        const real over = inverse ? (*y)[l] - at->shift[l] - (below ? p.x0 : p.x1) : at->beyond[l];
        const real by_end = mul_add(by, over, by_l / end);
        (*d_x)[l] = inverse ? -by : outside ? by * end : by_x;
        d->x_below[l] = outside ? R(0.0) : -by_x;
        d->x_here[l] = outside ? R(0.0) : -mul_add(p.theta, by_x, p.s * by_size);
        d->y_below[l] = outside ? R(0.0) : by;
        d->y_here[l] = outside ? R(0.0) : mul_add(by, phi, by_size);
        d->d0[l] = (outside ? (below ? by_end : R(0.0)) : g.d0) * at->d0_by[l];
        d->d1[l] = (outside ? (below ? R(0.0) : by_end) : g.d1) * at->d1_by[l];
    }
}

static inline __attribute__((always_inline)) void
rational_quadratic_vjp_lanes(const ptrdiff_t *size, const double *options, void *const *operand,
                             void *scratch, int inverse)
{
    const ptrdiff_t bins = size[0], slopes = size[1];
    const spline_axis x_axis = spline_axis_of(options, SPLINE_MIN_WIDTH, bins);
    const spline_axis y_axis = spline_axis_of(options, SPLINE_MIN_HEIGHT, bins);
    const lanes *const x = operand[0], *const widths = operand[1], *const heights = operand[2];
    const lanes *const by_y = operand[4], *const by_log = operand[5];
    lanes *const y = operand[6], *const log_slope = operand[7], *const d_x = operand[8];
    lanes *const d_widths = operand[9], *const d_heights = operand[10];
    lanes *const x_knots = scratch, *const y_knots = x_knots + bins + 1;
    lanes x_stretch, y_stretch;
    spline_place at;
    spline_gradient d;
    spline_knots(&x_axis, bins, widths, d_widths, &x_stretch, x_knots);
    spline_knots(&y_axis, bins, heights, d_heights, &y_stretch, y_knots);
    spline_find(options, bins, slopes, x, x_knots, y_knots, operand[3], inverse, 1, &at);
    spline_values(&at, x_axis.given, inverse, y, log_slope);
    spline_gradients(&at, inverse, by_y, by_log, y, d_x, &d);
    spline_sizes_vjp(&x_axis, bins, widths, d_widths, &x_stretch, &at.bin, &d.x_below, &d.x_here);
    spline_sizes_vjp(&y_axis, bins, heights, d_heights, &y_stretch, &at.bin, &d.y_below, &d.y_here);
    spline_slopes_vjp(bins, slopes, &at.bin, &d.d0, &d.d1, operand[11]);
}

#define RATIONAL_QUADRATIC_KERNEL(name, body, inverse)                                             \
    static void name(const ptrdiff_t *size, const double *options, void *const *operand,           \
                     void *scratch)                                                                \
    {                                                                                              \
        body(size, options, operand, scratch, inverse);                                            \
    }
RATIONAL_QUADRATIC_KERNEL(rational_quadratic_spline_lanes, rational_quadratic_lanes, 0)
RATIONAL_QUADRATIC_KERNEL(rational_quadratic_spline_vjp_lanes, rational_quadratic_vjp_lanes, 0)
RATIONAL_QUADRATIC_KERNEL(rational_quadratic_spline_inverse_lanes, rational_quadratic_lanes, 1)
RATIONAL_QUADRATIC_KERNEL(rational_quadratic_spline_inverse_vjp_lanes, rational_quadratic_vjp_lanes,
                          1)

#endif
