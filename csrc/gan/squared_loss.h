/* 1/2 (x - t)^2: the least-squares loss of the output x with the target t.
 *
 * Source: Mao et al., Least Squares Generative Adversarial Networks (2017).
 * Max error: 2 ULP (float and double), before the sum; of the derivatives 1 ULP.
 * x = t gives exactly 0; if both are infinite, NaN.
 */
#ifndef FG_GAN_SQUARED_LOSS_H
#define FG_GAN_SQUARED_LOSS_H

#include "core/real.h"

static inline real squared_loss(real x, real target)
{
    const real difference = x - target;
    return R(0.5) * difference * difference;
}

static inline real squared_loss_grad(real x, real target, real *d_x, real *d_target)
{
    *d_x = x - target;
    *d_target = target - x;
    return squared_loss(x, target);
}

#endif
