/* Words as numbers: exact conversions of half a word, without the instructions for whole ones that
 * only AVX-512 has. Behind the exponent of 2^mantissa an integer reads as itself. */
#ifndef FG_NOISE_INTEGERS_H
#define FG_NOISE_INTEGERS_H

#include "core/real.h"

#define HALF_WORD PICK(16, 32)
#define INTEGER_BASE PICK(0x1p23f, 0x1p52)

/* An integer below 2^mantissa. */
static inline real small_integer(real_bits x)
{
    return real_of_bits(x | bits_of(INTEGER_BASE)) - INTEGER_BASE;
}

static inline real low_half(real_bits word)
{
    return small_integer(word & (((real_bits)1 << HALF_WORD) - 1));
}

static inline real high_half(real_bits word)
{
    return small_integer(word >> HALF_WORD);
}

#endif
