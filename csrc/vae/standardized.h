/* difference * inverse_sigma: the difference in standard deviations.
 *
 * A difference of 0 gives exactly 0, even if sigma is 0 and inverse_sigma infinite: equal points
 * have distance 0 at any scale. To scale before squaring prevents overflow of the square.
 */
#ifndef FG_VAE_STANDARDIZED_H
#define FG_VAE_STANDARDIZED_H

#include "core/real.h"

static inline real standardized(real difference, real inverse_sigma)
{
    return difference == 0 ? 0 : difference * inverse_sigma;
}

#endif
