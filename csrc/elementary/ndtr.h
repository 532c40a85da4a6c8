/* ndtr(x) = Phi(x), the distribution function of the standard normal distribution
 *     = Q(-x)      for x <= 0,
 *     = 1 - Q(x)   for x > 0, with the upper tail Q(x) = e^(-x^2/2) r(x) of normal_tail.h.
 *
 * The tail is a product, so it keeps its digits down to subnormal numbers.
 *
 * Max error: 3.5 ULP float, 3.4 ULP double; without FMA 4.5 ULP, 3.4 ULP.
 * ndtr(-inf) = 0, ndtr(inf) = 1, NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_NDTR_H
#define FG_ELEMENTARY_NDTR_H

#include "elementary/normal_tail.h"

static inline real real_ndtr(real x)
{
    real fall;
    const real away = real_min(NORMAL_FAR, real_abs(x));
    const real tail = normal_decay(away, &fall) * tail_ratio(away) * fall;
    return x > 0 ? 1 - tail : tail;
}

#endif
