/* KL(Bernoulli(sigmoid(a)) || Bernoulli(sigmoid(b))) = log(1 + p (e^d - 1)) - p d
 *     = p (e^d - 1 - d) - (y - log(1 + y)),  d = b - a, p = sigmoid(a), y = p (e^d - 1).
 *
 * The divergence does not change under (a, b) -> (-a, -b), so we may take a + b <= 0. Then the
 * second term is at most 3/4 of the first (half of it near d = 0), and neither term cancels. For y
 * > 1 the first form is used. If 1 + y is near 0, it is computed as (1 - p) + p e^d. If one logit
 * is above KL_BERNOULLI_CERTAIN and the other below -KL_BERNOULLI_CERTAIN, the divergence is |b|.
 *
 * A distance d over KL_BERNOULLI_FAR is cut to that value. The result is the same, e^d cannot
 * overflow, and p is never subnormal there (e^d would multiply its rounding error).
 *
 * Source: Banerjee et al. (2005), Clustering with Bregman divergences, table 1, of logits.
 * Max error: 4 ULP (float and double), before the sum over dimensions; without FMA 6 ULP.
 * Exactly +0 for equal arguments, also infinite ones; +inf for others where b is infinite.
 */
#ifndef FG_VAE_KL_BERNOULLI_H
#define FG_VAE_KL_BERNOULLI_H

#include "core/difference.h"
#include "elementary/exp.h"
#include "elementary/expm1.h"
#include "elementary/expm1_given.h"
#include "elementary/expm1_minus_x.h"
#include "elementary/sigmoid.h"
#include "elementary/x_minus_log1p.h"

#define KL_BERNOULLI_CERTAIN PICK(20.0f, 40.0)
#define KL_BERNOULLI_FAR PICK(38.0f, 78.0)

/* sigmoid(a) / fall and 1 - sigmoid(a), for a <= KL_BERNOULLI_CERTAIN */
static inline real kl_bernoulli_raised(real a, real *fall, real *complement)
{
    const real within = exp_raised(-real_abs(a), fall);
    const real raised = -real_abs(a) < EXP_RAISED_SMALLEST ? 0 : within;
    const real e = raised * *fall, below = 1 + e, below_lo = e - (below - 1);
    const real quotient = (a > 0 ? R(1.0) : raised) / below, other = (a > 0 ? e : R(1.0)) / below;
    *complement = mul_add(-other, below_lo, other);
    *fall = a > 0 ? R(1.0) : *fall;
    return mul_add(-quotient, below_lo, quotient);
}

static inline real kl_bernoulli_oriented(real a, real b)
{
    real fall, complement, log_head, log_rest, inverse;
    const real d = a == b ? 0 : b - a, d_lo = difference_error(b, a, d);
    const real raised = kl_bernoulli_raised(a, &fall, &complement), p = raised * fall;
    /* For p < 0.75, 1 - p of the rounded p is as exact, and the error of p then hardly matters. */
    const real rest = p < R(0.75) ? 1 - p : complement;
    const real bend = real_expm1_minus_x(d), expm1 = real_expm1_given(d, bend);
    const real y = p * expm1;
    const real sum = mul_add(p, real_exp(d), rest); /* 1 + y */
    /* The rounding error of y. d + bend is exact where |bend| is the smaller of the two. */
    const real lost = mul_add(p, expm1, -y) + p * (d > -1 ? (d - expm1) + bend : 0);
    const real y_lo = y < R(-0.5) ? 0 : lost;
    const real excess = log_excess(y < R(-0.5) ? sum : y, y < R(-0.5) ? R(0.0) : R(1.0), &log_head,
                                   &log_rest, &inverse);
    const real rise = fall == 1 ? R(1.0) : EXP_RISE;
    const real near = mul_add(raised, bend, -rise * mul_add(y * inverse, y_lo, excess)) * fall;
    const real far = mul_add(-p, d, log_head) + mul_add(inverse, y_lo, log_rest);
    return corrected(y > 1 ? far : near, d_lo, y * rest * inverse);
}

static inline real kl_bernoulli(real logits_q, real logits_p)
{
    const real a = logits_q + logits_p > 0 ? -logits_q : logits_q;
    const real b = logits_q + logits_p > 0 ? -logits_p : logits_p;
    const real cut = b - a > KL_BERNOULLI_FAR ? b - KL_BERNOULLI_FAR : a;
    const real kl = kl_bernoulli_oriented(cut, b);
    const real certain = real_max(a, b) > KL_BERNOULLI_CERTAIN ? real_abs(b) : kl;
    const real apart = b == -REAL_INFINITY ? REAL_INFINITY : certain;
    const real divergence = logits_q == logits_p ? R(0.0) : apart;
    return logits_q == logits_q ? divergence : logits_q;
}

/* d/db = sigmoid(b) - sigmoid(a), a product of three factors, none of which cancels. */
static inline real kl_bernoulli_grad(real logits_q, real logits_p, real *d_logits_q,
                                     real *d_logits_p)
{
    const real d = logits_q - logits_p;
    const real q = real_sigmoid(logits_q), not_q = real_sigmoid(-logits_q);
    const real p = real_sigmoid(logits_p), not_p = real_sigmoid(-logits_p);
    const real apart = -real_expm1(-real_abs(d)) * (d < 0 ? p * not_q : q * not_p);
    *d_logits_p = d < 0 ? apart : -apart;
    real fall, complement;
    const real weight = kl_bernoulli_raised(-real_abs(logits_q), &fall, &complement) * complement;
    *d_logits_q = weight == 0 ? 0 : d * weight * fall;
    return kl_bernoulli(logits_q, logits_p);
}

#endif
