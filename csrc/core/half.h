/* float16 and bfloat16, as bit patterns in 16-bit integers: exact to float, one rounding back.
 *
 * All is integer arithmetic. So the bits are the same with and without conversion instructions
 * (half_vectors.h), and the loops vectorise everywhere. NaN stays NaN; it becomes quiet, and its
 * payload may change.
 */
#ifndef FG_CORE_HALF_H
#define FG_CORE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t bits_of_float(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float float_of_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline float float_of_bfloat16(uint16_t h)
{
    return float_of_bits((uint32_t)h << 16);
}

static inline uint16_t bfloat16_of_float(float x)
{
    const uint32_t u = bits_of_float(x);
    /* To nearest, ties to even. A carry may run into the exponent, up to infinity: that is right. A
     * NaN must not be rounded, because the carry would make it -0 or infinity. */
    const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const uint32_t quiet = (u >> 16) | 0x40u;
    return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

static inline float float_of_float16(uint16_t h)
{
    const uint32_t sign = ((uint32_t)h & 0x8000u) << 16;
    const uint32_t magnitude = (uint32_t)h & 0x7fffu;
    /* Normal: the fields move up 13 bits and the exponent's bias grows by 127 - 15. */
    const uint32_t normal = (magnitude << 13) + (112u << 23);
    const uint32_t special = (magnitude << 13) | 0x7f800000u;
    /* Subnormal: magnitude * 2^-24, exact in float. */
    const uint32_t subnormal = bits_of_float((float)(int32_t)magnitude * 0x1p-24f);
    const uint32_t finite = magnitude < 0x0400u ? subnormal : normal;
    return float_of_bits(sign | (magnitude < 0x7c00u ? finite : special));
}

static inline uint16_t float16_of_float(float x)
{
    const uint32_t u = bits_of_float(x);
    const uint32_t magnitude = u & 0x7fffffffu;
    const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    /* Adding 1/2 puts the last place of a float where that of a subnormal float16 is, so the
     * addition itself rounds; the low bits are then the answer. */
    const float shifted = float_of_bits(magnitude) + 0.5f;
    const uint32_t subnormal = bits_of_float(shifted) - 0x3f000000u;
    const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
    /* 65520 and above round to infinity. */
    const uint32_t capped = magnitude >= 0x477ff000u ? 0x7c00u : finite;
    const uint32_t result = magnitude > 0x7f800000u ? 0x7e00u : capped;
    return (uint16_t)(result | ((u >> 16) & 0x8000u));
}

/* To float by "round to odd", so that a second rounding, to 16 bits, is right. Rounding twice to
 * nearest is wrong: 1 + 2^-11 + 2^-40 would become 1. */
static inline float odd_float_of_double(double x)
{
    const float nearest = (float)x;
    const double back = (double)nearest;
    const uint32_t u = bits_of_float(nearest);
    if (back == x || x != x || (u & 1u) != 0)
        return nearest;
    /* Inexact and even: take the odd neighbour on the other side of x. Where `nearest` overflowed,
     * that is the largest float, which rounds to the same 16 bits. */
    const int away = (back > x) != (x < 0);
    return float_of_bits(away ? u - 1u : u + 1u);
}

#endif
