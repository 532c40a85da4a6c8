/* -(t log sigmoid(x) + (1 - t) log sigmoid(-x)): the cross-entropy of the logit x with the target
 * t.
 *
 * The result is softplus(-|x|), plus (1 - t) x for x > 0, or -t x for x < 0. For t in [0, 1] both
 * terms are >= 0, so nothing overflows or cancels. For t = 0 or 1 the smaller tail is exact. The
 * derivative sigmoid(x) - t is computed in the same way.
 *
 * Source: Goodfellow et al., Generative Adversarial Nets (2014); smoothed targets, Salimans et al.
 * (2016).
 * Max error: 2 ULP (float and double), before the sum; of the derivative 2 ULP of its larger term.
 * For an infinite logit and a target of 0 or 1, a right prediction gives 0, and a wrong one inf.
 */
#ifndef FG_GAN_LOGISTIC_LOSS_H
#define FG_GAN_LOGISTIC_LOSS_H

#include "elementary/sigmoid.h"
#include "elementary/softplus.h"

static inline real logistic_loss(real x, real target)
{
    const real tail = softplus_above(R(0.0), x);
    const real weight = x > 0 ? 1 - target : -target;
    return weight == 0 ? tail : mul_add(weight, x, tail);
}

static inline real logistic_loss_grad(real x, real target, real *d_x, real *d_target)
{
    const real tail = sigmoid_below(-real_abs(x));
    *d_x = x > 0 ? (1 - target) - tail : tail - target;
    *d_target = -x;
    return logistic_loss(x, target);
}

#endif
