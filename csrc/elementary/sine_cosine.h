/* sin(a) and cos(a), a = high + low, in double.
 *
 * k = round(a 2/pi), r = a - k pi/2. pi/2 is the sum of three constants P1, P2, P3. P1 and P2 have
 * 33 bits, so k P1 and k P2 are exact for |k| < 2^20. So are a - k P1 and, as a pair, that less k
 * P2. The rest of r is small. sin and cos of r are polynomials (of fdlibm); k mod 4 says which of
 * them is which.
 *
 * Source: Cody and Waite, Software manual for the elementary functions (1980), chapter 8.
 * Max error: 1 ULP of the larger of the result and 2^-47. |a| > 2^20 and infinities give NaN.
 */
#ifndef FG_ELEMENTARY_SINE_COSINE_H
#define FG_ELEMENTARY_SINE_COSINE_H

#include "core/lanes.h"

#define LARGEST_ANGLE 0x1p20
#define HALF_PI_1 0x1.921fb544p+0
#define HALF_PI_2 0x1.0b4611a6p-34
#define HALF_PI_3 0x1.3198a2e037073p-69
#define QUADRANT_SHIFTER 0x1.8p52 /* a sum with it is an integer, and its low bits are k */

typedef struct {
    wide_real high, low;
} angle;

/* The exact product, except where it underflows. */
static inline angle angle_of(wide_real t, wide_real frequency)
{
    const wide_real high = t * frequency;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    const angle a = {high, wide_mul_add(t, frequency, -high)};
#else /* the halves of 26 bits have exact products */
    const uint64_t half = ~(uint64_t)0 << 27;
    const wide_real t1 = wide_of_bits(wide_bits_of(t) & half),
                    f1 = wide_of_bits(wide_bits_of(frequency) & half);
    const wide_real t2 = t - t1, f2 = frequency - f1;
    const angle a = {high, ((t1 * f1 - high) + t1 * f2 + t2 * f1) + t2 * f2};
#endif
    return a;
}

static inline wide_real sine_near_0(wide_real r, wide_real low, wide_real z)
{
    wide_real even = wide_mul_add(z, 0x1.5d93a5acfd57cp-33, -0x1.ae5e68a2b9cebp-26);
    even = wide_mul_add(z, even, 0x1.71de357b1fe7dp-19);
    even = wide_mul_add(z, even, -0x1.a01a019c161d5p-13);
    even = wide_mul_add(z, even, 0x1.111111110f8a6p-7);
    even = wide_mul_add(z, even, -0x1.5555555555549p-3);
    return r + wide_mul_add(z * r, even, low * wide_mul_add(z, -0.5, 1.0));
}

static inline wide_real cosine_near_0(wide_real r, wide_real low, wide_real z)
{
    wide_real even = wide_mul_add(z, -0x1.8fae9be8838d4p-37, 0x1.1ee9ebdb4b1c4p-29);
    even = wide_mul_add(z, even, -0x1.27e4f809c52adp-22);
    even = wide_mul_add(z, even, 0x1.a01a019cb159p-16);
    even = wide_mul_add(z, even, -0x1.6c16c16c15177p-10);
    even = wide_mul_add(z, even, 0x1.555555555554cp-5);
    const wide_real half = 0.5 * z, w = 1.0 - half;
    return w + (((1.0 - w) - half) + wide_mul_add(z * z, even, -r * low));
}

static inline void sine_cosine(angle a, wide_real *sine, wide_real *cosine)
{
    const wide_real shifted = wide_mul_add(a.high, 0x1.45f306dc9c883p-1, QUADRANT_SHIFTER);
    const wide_real k = shifted - QUADRANT_SHIFTER;
    const wide_real first = a.high - k * HALF_PI_1, second = k * HALF_PI_2;
    const wide_real main = first - second, back = first - main;
    const wide_real lost = (back - second) + (first - (main + back)); /* TwoSum */
    const wide_real rest = (lost + a.low) - k * HALF_PI_3;
    const wide_real r = main + rest, low = (main - r) + rest, z = r * r;
    const wide_real s = sine_near_0(r, low, z), c = cosine_near_0(r, low, z);
    const uint64_t quadrant = wide_bits_of(shifted);
    const uint64_t sign_of_sine = quadrant << 62 & (uint64_t)1 << 63;
    const uint64_t sign_of_cosine = (quadrant + 1) << 62 & (uint64_t)1 << 63;
    const int swap = (quadrant & 1) != 0, known = wide_abs(a.high) <= LARGEST_ANGLE;
    const wide_real one = wide_of_bits(wide_bits_of(wide_select(swap, c, s)) ^ sign_of_sine);
    const wide_real other = wide_of_bits(wide_bits_of(wide_select(swap, s, c)) ^ sign_of_cosine);
    *sine = wide_select(known, one, (wide_real)NAN);
    *cosine = wide_select(known, other, (wide_real)NAN);
}

#endif
