/* log_ndtr(x) = log Phi(x) of the standard normal distribution
 *     = -x^2/2 + log r(-x)   for x <= 0,
 *     = log(1 - Q(x))        for x > 0.
 *
 * Q(x) = e^(-x^2/2) r(x) is the upper tail (normal_tail.h). Both terms of the first form have the
 * same sign, so nothing cancels. The second form takes the logarithm of 1 - Q(x) as log1p does. One
 * logarithm, of base + q, serves both.
 *
 * Max error: 3.9 ULP float, 4.5 ULP double; without FMA 4.7 ULP, 4.8 ULP.
 * log_ndtr(-inf) = -inf, log_ndtr(inf) = -0, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_LOG_NDTR_H
#define FG_ELEMENTARY_LOG_NDTR_H

#include "elementary/log1p.h"
#include "elementary/normal_tail.h"

static inline real real_log_ndtr(real x)
{
    real fall;
    const real away = real_abs(x);
    const real ratio = tail_ratio(away);
    const real tail = normal_decay(real_min(NORMAL_FAR, away), &fall) * ratio * fall;
    const real y = log_of_sum(x > 0 ? R(1.0) : R(0.0), x > 0 ? -tail : ratio);
    return x > 0 ? y : mul_add(R(-0.5) * away, away, y);
}

#endif
