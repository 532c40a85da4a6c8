/* Exact conversions of words and half words to `real`. An integer in the mantissa of 2^mantissa
 * adds its value to the number. Instructions for whole words exist in AVX-512 alone. */
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
