/* max(0, 1 - t x): the hinge loss of the logit x. t = 1 for a real sample, -1 for a generated one.
 *
 * Source: Lim and Ye, Geometric GAN (2017).
 * Max error: 2 ULP of the larger of 1 and |t x| (float and double), before the sum.
 * The derivative is 0 at t x = 1. NaN gives NaN.
 */
#ifndef FG_GAN_HINGE_LOSS_H
#define FG_GAN_HINGE_LOSS_H

#include "core/real.h"

static inline real hinge_loss(real x, real target)
{
    return real_max(R(0.0), mul_add(-target, x, R(1.0)));
}

static inline real hinge_loss_grad(real x, real target, real *d_x, real *d_target)
{
    const real margin = mul_add(-target, x, R(1.0));
    *d_x = margin <= 0 ? 0 : -target;
    *d_target = margin <= 0 ? 0 : -x;
    return real_max(R(0.0), margin);
}

#endif
