/* JS(p, q) = 1/2 (KL(p || m) + KL(q || m)), m = (p + q) / 2, of one probability of each:
 *     1/2 (p log(2p / (p + q)) + q log(2q / (p + q)))
 *
 * With d = (p - q) / (p + q) this is 1/2 (p + q) g(d). For |d| < 1/2, g is a series of positive
 * terms, and p - q is exact or nearly so. So nothing cancels as p and q approach each other. For
 * other d, the logarithms are used. The result is symmetric in p and q to the last bit, and exactly
 * +0 for p = q.
 *
 * Source: Lin, Divergence measures based on the Shannon entropy (1991); the series is that of the
 * two logarithms.
 * Max error: 4 ULP (float and double), before the sum; of the derivatives 3 ULP.
 * 0 log 0 = 0. If p or q is 0, its derivative is -inf; if both are, the derivatives are 0. A
 * negative probability gives NaN. The sums of p and of q need not be 1.
 */
#ifndef FG_GAN_JS_DIVERGENCE_H
#define FG_GAN_JS_DIVERGENCE_H

#include "elementary/log.h"
#include "elementary/log1p.h"
#include "gan/js_parts.h"

static inline real js_divergence(real p, real q)
{
    const real sum = p + q, difference = p - q;
    const real d = difference / sum;
    const real large = real_max(p, q), small = real_min(p, q);
    const real rest = (small + small) / sum; /* 1 - |d| */
    const real near = R(0.5) * difference * d * js_series(d * d);
    /* log(1 + |d|) = log 2 + log(1 - rest / 2) */
    const real of_large = large * log_sum(R(1.0), R(-0.5) * rest);
    const real of_small = small == 0 ? 0 : small * real_log(rest);
    real y = real_abs(d) < R(0.5) ? near : R(0.5) * (of_large + of_small);
    y = sum == 0 ? 0 : y;
    return small < 0 ? REAL_NAN : y;
}

/* d/dp = 1/2 log(1 + d), d/dq = 1/2 log(1 - d). */
static inline real js_divergence_grad(real p, real q, real *d_p, real *d_q)
{
    const real sum = p + q;
    const real d = real_abs(p - q) / sum;
    const real small = real_min(p, q);
    const real far = real_log((small + small) / sum);
    const real log_of_large = R(0.5) * real_log1p(d);
    const real log_of_small = R(0.5) * (d < R(0.5) ? real_log1p(-d) : far);
    *d_p = sum == 0 ? 0 : p > q ? log_of_large : log_of_small;
    *d_q = sum == 0 ? 0 : p > q ? log_of_small : log_of_large;
    return js_divergence(p, q);
}

#endif
