/* softplus(-(a - b)): the loss of a pair of logits. It is small if a is far above b.
 *
 * The rounding error of the difference is corrected. In the lower tail the result would have the
 * same relative error.
 *
 * Source: Jolicoeur-Martineau, The relativistic discriminator (2019).
 * Max error: 2 ULP (float and double), before the sum; of the derivatives 2 ULP.
 * Infinite logits of the same sign give NaN.
 */
#ifndef FG_GAN_RELATIVISTIC_LOSS_H
#define FG_GAN_RELATIVISTIC_LOSS_H

#include "core/difference.h"
#include "elementary/sigmoid.h"
#include "elementary/softplus.h"

static inline real relativistic_loss(real above, real below)
{
    const real d = below - above;
    return corrected(real_softplus(d), difference_error(below, above, d), real_sigmoid(d));
}

static inline real relativistic_loss_grad(real above, real below, real *d_above, real *d_below)
{
    const real d = below - above, error = difference_error(below, above, d);
    const real share = real_sigmoid(d);
    *d_below = corrected(share, error, share * (1 - share));
    *d_above = -*d_below;
    return corrected(real_softplus(d), error, share);
}

#endif
