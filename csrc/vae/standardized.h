/* difference * inverse_sigma: how many standard deviations apart.
 *
 * Exactly 0 where the difference is, even where sigma is 0 and inverse_sigma infinite: equal points
 * are no distance apart at any scale. Scaling comes before squaring, whose overflow it prevents.
 */
#ifndef FG_VAE_STANDARDIZED_H
#define FG_VAE_STANDARDIZED_H

#include "core/real.h"

static inline real standardized(real difference, real inverse_sigma)
{
    return difference == 0 ? 0 : difference * inverse_sigma;
}

#endif
