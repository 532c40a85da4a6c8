/* A coupling does not change elements with mask > 1/2.
 *
 * The mask is made of bits, without a comparison. Of `mask > 1/2 ? x : x s + shift` a compiler for
 * AVX-512 makes a masked operation that reads shift from memory. The hardware does not prefetch for
 * masked loads, and on arrays larger than the caches the loop took 1.5 times as long.
 */
#ifndef FG_FLOW_COUPLINGS_COUPLING_MASK_H
#define FG_FLOW_COUPLINGS_COUPLING_MASK_H

#include "core/real.h"

/* All ones if mask > 1/2; otherwise 0, also for NaN. */
static inline real_bits kept(real mask)
{
    const real below = R(0.5) - real_max(mask, R(0.5));
    return 0 - (bits_of(below) >> (FG_REAL_BITS - 1));
}

#endif
