/* The derivative of a quadratic spline with respect to its raw parameters.
 *
 * Let e be the excess of the density over its least, r its value at x, N its integral below x and M
 * above, and E = N + M. With the cotangents by_y of y and by_density of the density at x:
 *     below = (by_y M - by_density r) / E,   above = (by_y N + by_density r) / E
 * A height s adds a hat function over two bins to e. Its gradient is (below times the area of the
 * hat below x, less above times the area above x, plus by_density times the hat at x), over the
 * mean. The gradient of a width is the mean excess of its bin times `below` or -`above`; the width
 * of the point's bin also moves the point within the bin. All terms are excesses and areas of one
 * sign: the part that normalization removes is never added. Ends of density 1 have no hat, so they
 * do not count in N, M and r.
 */
#ifndef FG_FLOW_SPLINES_QUADRATIC_GRADIENT_H
#define FG_FLOW_SPLINES_QUADRATIC_GRADIENT_H

#include "flow/splines/quadratic_place.h"

/* theta and om of the point, the width of its bin, and the cotangents of y and of the density. */
typedef struct {
    wide_lanes bin, theta, om, w, by_y, by_density, below, above;
} quadratic_cotangents;

/* The excess of a hat; 0 at ends of density 1. */
static inline wide_real quadratic_hat(wide_real excess, wide_real knot, wide_real last, int open)
{
    return (open | ((knot > 0) & (knot < last))) ? excess : 0.0;
}

/* Sets the excess of both ends, if they have no hat. */
static void quadratic_set_ends(const quadratic_densities *d, wide_real excess)
{
    if (d->given < d->bins)
        EACH_LANE(l)
            d->excess[0][l] = d->excess[d->bins][l] = excess;
}

static void quadratic_sides(const quadratic_densities *d, const quadratic_place *restrict place,
                            quadratic_cotangents *restrict c)
{
    const int open = d->given > d->bins;
    const wide_real last = (wide_real)d->bins;
    const wide_lanes *const knots = d->knots, *const excess = d->excess;
    wide_lanes less, more;
    EACH_LANE(l)
        less[l] = more[l] = 0;
    quadratic_set_ends(d, 0);
    for (ptrdiff_t i = 0; i < d->bins; i++)
        EACH_LANE(l) {
            const wide_real half = 0.5 * (knots[i + 1][l] - knots[i][l]);
            const wide_real area = half * (excess[i][l] + excess[i + 1][l]);
            const wide_real number = (wide_real)i, bin = c->bin[l];
            less[l] += wide_select(number < bin, area, 0.0);
            more[l] += wide_select(number > bin, area, 0.0);
        }
    quadratic_set_ends(d, 1 - d->least);
    EACH_LANE(l) {
        const wide_real bin = c->bin[l], t = c->theta[l], o = c->om[l];
        const wide_real e0 = quadratic_hat(place->e0[l], bin, last, open);
        const wide_real e1 = quadratic_hat(place->e1[l], bin + 1, last, open);
        const wide_real half = 0.5 * c->w[l], r = wide_mul_add(e1, t, e0 * o);
        const wide_real n = wide_mul_add(half * t, wide_mul_add(e1, t, e0 * (1 + o)), less[l]);
        const wide_real m = wide_mul_add(half * o, wide_mul_add(e0, o, e1 * (1 + t)), more[l]);
        const wide_real inverse = 1 / (n + m), moved = c->by_density[l] * r;
        c->below[l] = wide_mul_add(c->by_y[l], m, -moved) * inverse;
        c->above[l] = wide_mul_add(c->by_y[l], n, moved) * inverse;
    }
}

/* The gradients of the raw heights, in by_raw, which holds the derivatives of s. `rate` is an
 * excess over its s. */
static void quadratic_heights_vjp(const quadratic_densities *d, const wide_lanes *restrict rate,
                                  const quadratic_cotangents *restrict c)
{
    const ptrdiff_t first = first_knot(d->bins, d->given);
    wide_lanes from_below, low_here, high_here;
    EACH_LANE(l) {
        const wide_real t = c->theta[l], o = c->om[l], half = 0.5 * c->w[l];
        const wide_real down = half * c->below[l], up = half * c->above[l], at = c->by_density[l];
        low_here[l] = wide_mul_add(down, t * (1 + o), wide_mul_add(-up, o * o, at * o));
        high_here[l] = wide_mul_add(down, t * t, wide_mul_add(-up, o * (1 + t), at * t));
        from_below[l] = 0;
    }
    for (ptrdiff_t i = 0; i <= d->bins; i++) {
        const ptrdiff_t next = i < d->bins ? i + 1 : i; /* the last knot has no bin above it */
        lanes *const raw = i >= first && i - first < d->given ? &d->by_raw[i - first] : NULL;
        wide_lanes by;
        EACH_LANE(l) {
            const wide_real half = 0.5 * (d->knots[next][l] - d->knots[i][l]);
            const wide_real number = (wide_real)i, bin = c->bin[l];
            const wide_real whole = half * wide_select(number < bin, c->below[l], -c->above[l]);
            by[l] = from_below[l] + wide_select(number == bin, low_here[l], whole);
            from_below[l] = wide_select(number == bin, high_here[l], whole);
        }
        if (raw != NULL)
            EACH_LANE(l)
                (*raw)[l] *= (real)((*rate)[l] * by[l]);
    }
}

#endif
