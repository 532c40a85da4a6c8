/* -log of the probability of the bin of x under N(mu, sigma^2), with `bins` bins in [-1, 1]:
 *     -log(Phi((x + delta - mu) / sigma) - Phi((x - delta - mu) / sigma)),  delta = 1 / (bins - 1).
 * The first and the last bin, the outer ones, reach to infinity.
 *
 * With a = |x - mu| / sigma, h = delta / sigma, the bin reaches from l = a - h to u = a + h. Each
 * of three forms of the probability is free of cancellation where it is used:
 *     a narrow bin         sqrt(2/pi) h e^(-(a^2 + h^2) / 2) S(a h, h),  S near 1, of narrow_bin.h
 *     mu outside the bin   e^(-l^2/2) (r(l) - e^(-2 a h) r(u)),          r of normal_tail.h
 *     mu inside the bin    1 - e^(-l^2/2) (r(-l) + e^(-2 a h) r(u))
 * One logarithm, of base + q, serves all three.
 *
 * Source: Ho, Jain and Abbeel (2020), Denoising Diffusion Probabilistic Models, equation 13.
 * Max error: 5 ULP (float and double), before the sum. If mu is inside a bin of probability near 1,
 * the bound is 1 + l^2 times as large, as large as the effect of rounding sigma.
 * sigma = 0 gives 0 in the bin of mu and +inf elsewhere. sigma = inf gives log 2 in the outer bins
 * and +inf elsewhere. Fewer than 2 bins give NaN, and so do infinitely many.
 */
#ifndef FG_VAE_DISCRETIZED_GAUSSIAN_NLL_H
#define FG_VAE_DISCRETIZED_GAUSSIAN_NLL_H

#include "core/difference.h"
#include "elementary/expm1.h"
#include "elementary/log1p.h"
#include "elementary/normal_tail.h"
#include "vae/narrow_bin.h"
#include "vae/standardized.h"

/* The position of a bin relative to mu, in standard deviations, and results that follow from it. */
typedef struct {
    real outer, narrow, inside; /* 1 or 0; inside: the bin contains mu */
    real side;                  /* 1 where the bin lies above mu, else -1 */
    real inverse_sigma, intervals;
    real a, h, l, p;         /* p = a h */
    real drop;               /* e^(-2 p) - 1; -1 where u is infinite */
    real weight, factor;     /* e^(-l^2/2), and its factor in the probability */
    real log_lost, scaled_h; /* h = scaled_h e^-log_lost; h itself may underflow */
} normal_bin;

static inline __attribute__((always_inline)) normal_bin normal_bin_of(real x, real mu,
                                                                      real log_sigma, real bins)
{
    normal_bin b;
    b.intervals = ((bins < 2) | (bins == REAL_INFINITY)) ? REAL_NAN : bins - 1;
    const real delta = 1 / b.intervals, d = x - mu, d_lo = difference_error(x, mu, d);
    const real end = x > 1 - delta ? R(1.0) : x < delta - 1 ? R(-1.0) : R(0.0);
    b.outer = real_abs(end);
    b.side = end != 0 ? end : d < 0 ? R(-1.0) : R(1.0);

    real fall;
    const real limited = real_max(EXP_RAISED_SMALLEST, -log_sigma);
    const real raised = exp_raised(limited, &fall);
    const real inverse_sigma = -log_sigma < EXP_SMALLEST ? R(0.0) : raised * fall;
    b.inverse_sigma = -log_sigma > EXP_LARGEST ? REAL_INFINITY : inverse_sigma;
    b.log_lost =
        (limited + log_sigma) + (fall == 1 ? R(0.0) : PICK(0x1.0a2b24p6f, 0x1.0a2b23f3bab73p7));
    b.scaled_h = raised / b.intervals;
    b.h = b.inverse_sigma / b.intervals;

    const real far = b.side * d, near = far - delta;
    const real near_lo = mul_add(b.side, d_lo, difference_error(far, delta, near));
    b.a = corrected(standardized(far, b.inverse_sigma), b.side * d_lo, b.inverse_sigma);
    b.l = corrected(standardized(near, b.inverse_sigma), near_lo, b.inverse_sigma);
    b.p = standardized(b.a, b.h);
    const real narrow = b.p <= NARROW_BIN * NARROW_BIN ? 1 - b.outer : R(0.0);
    b.narrow = b.h <= NARROW_BIN ? narrow : R(0.0);
    b.inside = b.l < 0 ? 1 - b.narrow : R(0.0);
    b.drop = b.outer > 0 ? R(-1.0) : real_expm1(-2 * b.p);
    const real near_ratio = tail_ratio(real_abs(b.l));
    const real far_ratio = b.outer > 0 ? R(0.0) : (1 + b.drop) * tail_ratio(b.a + b.h);
    b.weight = real_exp(R(-0.5) * b.l * b.l);
    b.factor = b.inside > 0 ? near_ratio + far_ratio : near_ratio - far_ratio;
    return b;
}

static inline __attribute__((always_inline)) real normal_bin_nll(normal_bin b)
{
    const real narrow = b.scaled_h * (SQRT_2_OVER_PI * narrow_bin(b.p, b.h));
    const real wide = b.inside > 0 ? -b.weight * b.factor : b.factor;
    const real y = log_of_sum(b.inside, b.narrow > 0 ? narrow : wide);
    const real square = R(0.5) * b.l * b.l;
    const real half_square = R(0.5) * mul_add(b.a, b.a, b.h * b.h) + b.log_lost;
    return (b.narrow > 0 ? half_square : b.inside > 0 ? R(0.0) : square) - y;
}

static inline real discretized_gaussian_nll(real x, real mu, real log_sigma, real bins)
{
    return normal_bin_nll(normal_bin_of(x, mu, log_sigma, bins));
}

/* Let f(l) and f(u) be the densities at both ends over the probability of the bin. Then d/dmu is
 * (f(u) - f(l)) / sigma, d/dlog sigma is u f(u) - l f(l), and d/ddelta is -(f(u) + f(l)) / sigma.
 */
static inline real discretized_gaussian_nll_grad(real x, real mu, real log_sigma, real bins,
                                                 real *d_x, real *d_mu, real *d_log_sigma,
                                                 real *d_bins)
{
    const normal_bin b = normal_bin_of(x, mu, log_sigma, bins);
    const real outside = 1 / b.factor, within = b.weight / mul_add(-b.weight, b.factor, R(1.0));
    const real at_l = INVERSE_SQRT_2_PI * (b.inside > 0 ? within : outside); /* f(l) */
    const real series = 1 / narrow_bin(b.p, b.h);
    const real fall = b.narrow > 0 ? b.a * narrow_bin_sinh(b.p) * series : -b.drop * at_l;
    const real sum =
        b.narrow > 0 ? narrow_bin_cosh(b.p) * series : standardized((2 + b.drop) * at_l, b.h);
    const real spread = standardized(2 * (1 + b.drop) * at_l, b.h) - standardized(fall, b.l);
    *d_x = standardized(fall, b.side * b.inverse_sigma);
    *d_mu = -*d_x;
    *d_log_sigma = b.narrow > 0 ? mul_add(-b.a, fall, sum) : spread;
    *d_bins = sum / b.intervals;
    return normal_bin_nll(b);
}

#endif
