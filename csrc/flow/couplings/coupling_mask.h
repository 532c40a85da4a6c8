/* Where mask > 1/2, a coupling leaves an element as it is.
 *
 * By bits, and without a comparison: of `mask > 1/2 ? x : x s + shift` a compiler for AVX-512 makes
 * one masked operation that reads shift from memory, and what such ones read the hardware does not
 * foresee: on arrays beyond the caches the loop took 1.5 times as long.
 */
#ifndef FG_FLOW_COUPLINGS_COUPLING_MASK_H
#define FG_FLOW_COUPLINGS_COUPLING_MASK_H

#include "core/real.h"

/* All ones where mask > 1/2, else 0; also for NaN. */
static inline real_bits kept(real mask)
{
    const real below = R(0.5) - real_max(mask, R(0.5));
    return 0 - (bits_of(below) >> (FG_REAL_BITS - 1));
}

#endif
