/* uniform(w) = w / 2^bits, rounded down, for a word of 32 bits in float and of 64 in double
 *
 * Rounding down keeps the result below 1. The usual w >> 8 does so too, but gives only multiples of
 * 2^-24, and 0 once in 2^24 draws. Here every float in [0, 1) that is a multiple of 2^-32 (in
 * double, 2^-64) occurs. The result is exact: the bits that do not fit are cleared first. Then each
 * half of the word is a small integer, whose conversion and scaling are exact, and so is their sum.
 */
#ifndef FG_NOISE_UNIFORM_H
#define FG_NOISE_UNIFORM_H

#include "noise/integers.h"

static inline real uniform(real_bits word)
{
    real_bits lost = word >> (REAL_MANTISSA_BITS + 1); /* the leading bit of those that do not fit,
                                                        * and all below it */
    lost |= lost >> 1;
    lost |= lost >> 2;
    lost |= lost >> 4;
    lost |= PICK(0, lost >> 8);
    word &= ~lost;
    return high_half(word) * PICK(0x1p-16f, 0x1p-32) + low_half(word) * PICK(0x1p-32f, 0x1p-64);
}

#endif
