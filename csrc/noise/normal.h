/* z0, z1 = r cos(theta), r sin(theta): two independent normals of two words (Box and Muller)
 *
 *     r     = sqrt(-2 ln u),  u = (a + 1/2) / 2^bits, of the first word a
 *     theta: the top three bits of the second word are the sign of z0, the sign of z1, and whether
 *            they are swapped; the other bits, as an odd multiple of the smallest step, are an
 *            angle in (0, pi/4)
 *
 * A word has 32 bits in float and 64 in double. |z| reaches 6.76 and 9.49. Inversion of the CDF in
 * float would end at 5.42, and a test of billions of draws would notice. No z is 0, and the set of
 * all z0, z1 is symmetric under signs and swap.
 *
 * The only operations are +, -, *, /, sqrt, integers and selects, without fused multiply-add. So
 * the bits are the same on every instruction set. ln u, and r near 0, keep their relative
 * precision: as a signed integer, the first word is near 0 if u is near 0 or near 1. Near 1, ln u =
 * ln(1 - v) with v exact. Elsewhere u = 2^e (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); with s = f / (2
 * + f), ln(1 + f) = f - (f^2/2 - s (f^2/2 + s^2 Q(s^2))), a correction to f.
 *
 * Error: 6 ULP of the exact function of the words (largest found: 5.04 and 4.53).
 */
#ifndef FG_NOISE_NORMAL_H
#define FG_NOISE_NORMAL_H

#include "noise/integers.h"

#define TOP_BIT ((real_bits)1 << (REAL_MANTISSA_BITS + PICK(8, 11)))
#define SQRT_HALF PICK(0x1.6a09e6p-1f, 0x1.6a09e667f3bcdp-1)

/* The word as a signed integer, plus 1/2, rounded once. */
static inline real signed_and_half(real_bits word)
{
#if FG_REAL_BITS == 32
    return (real)(int32_t)word + 0.5f;
#else
    const real high = small_integer((word ^ TOP_BIT) >> HALF_WORD) - 0x1p31;
    return high * 0x1p32 + (low_half(word) + 0.5);
#endif
}

/* -2 ln(1 + f) */
static inline real minus_twice_log1p(real f)
{
    const real half = R(0.5) * f * f, s = f / (R(2.0) + f), z = s * s;
#if FG_REAL_BITS == 32 /* Q(z): ln has a relative error of 2^-30.2 and 2^-59.5, by fit.py */
    const real q = 0x1.55557ap-1f + z * (0x1.995ed6p-2f + z * 0x1.31e08p-2f);
#else
    const real w = z * z;
    const real odd = 0x1.999999997ff19p-2 + w * (0x1.c71c521451637p-3 + w * 0x1.39a1e8ca3da42p-3);
    const real even = 0x1.24924941e1557p-2 + w * (0x1.74663ced5742bp-3 + w * 0x1.2f03ba33ea71fp-3);
    const real q = 0x1.5555555555592p-1 + (z * odd + w * even);
#endif
    return R(-2.0) * (f - (half - s * (half + z * q)));
}

/* The first word as f and e with -2 ln u = e + (-2 ln(1 + f)). */
static inline void normal_logarithm(real_bits word, real *f, real *e)
{
    const real t = signed_and_half(word), v = real_abs(t) * PICK(0x1p-32f, 0x1p-64);
    const real u = t < 0 ? 1 - v : v;
    const real_bits moved = bits_of(u) + (bits_of(1) - bits_of(SQRT_HALF));
    const real_bits exponent = moved >> REAL_MANTISSA_BITS;
    const real_bits fraction = moved & (((real_bits)1 << REAL_MANTISSA_BITS) - 1);
    const real power = real_of_bits(exponent | bits_of(INTEGER_BASE));
    *e = (power - (INTEGER_BASE + REAL_EXPONENT_BIAS)) * PICK(-0x1.62e43p0f, -0x1.62e42fefa39efp0);
    *f = u < SQRT_HALF ? real_of_bits(fraction + bits_of(SQRT_HALF)) - 1 : -v;
}

/* The angle, in quarters of pi. */
static inline real normal_angle(real_bits word)
{
#if FG_REAL_BITS == 32
    return (real)(int32_t)((word << 1 & 0x3fffffff) | 1) * 0x1p-30f;
#else
    const real high = small_integer(word >> HALF_WORD & 0x1fffffff);
    return high * 0x1p-29 + small_integer((word << 1 & 0x1ffffffff) | 1) * 0x1p-62;
#endif
}

/* a P(a^2) = sin(pi a / 4), to 2^-25.1 and 2^-54.5 */
static inline real normal_sine(real a)
{
    const real z = a * a, w = z * z;
#if FG_REAL_BITS == 32
    const real even = 0x1.921fb6p-1f + w * 0x1.4680a4p-9f;
    const real odd = -0x1.4abc24p-4f + w * -0x1.33198ep-15f;
    return a * (even + z * odd);
#else
    const real even =
        0x1.466bc6774afcep-9 + w * (0x1.507821d4dffa4p-22 + w * 0x1.dfc5b7e3a848dp-38);
    const real odd = -0x1.32d2ccd46a41cp-15 + w * -0x1.e2f3f0f11e34fp-30;
    const real first = -0x1.4abbce625bdaep-4 + w * odd;
    return a * (0x1.921fb54442d18p-1 + (z * first + w * even));
#endif
}

/* 1 + z P(z) = cos(pi a / 4), z = a^2, to 2^-31.1 and 2^-61.5 */
static inline real normal_cosine(real a)
{
    const real z = a * a, w = z * z;
#if FG_REAL_BITS == 32
    const real even = -0x1.3bd3ccp-2f + w * -0x1.55b2b6p-12f;
    const real odd = 0x1.03c1bp-6f + w * 0x1.d4f7eep-19f;
    return 1 + z * (even + z * odd);
#else
    const real a0 =
        -0x1.3bd3cc9be45dep-2 +
        w * (-0x1.55d3c7e3bfe55p-12 + w * (-0x1.a6d1e238a8168p-26 + w * -0x1.b034441527c96p-42));
    const real odd = 0x1.03c1f081b5a52p-6 + w * (0x1.e1f50675b1d35p-19 + w * 0x1.f9c4ad7836e6ep-34);
    return 1 + z * (a0 + z * odd);
#endif
}

/* sin(theta) and cos(theta) of the angle of the second word */
static inline void normal_direction(real_bits word, real *sine, real *cosine)
{
    const real a = normal_angle(word);
    *sine = normal_sine(a);
    *cosine = normal_cosine(a);
}

/* z0 and z1, from r^2, the direction, and the top bits of the second word */
static inline void normal_pair(real square, real sine, real cosine, real_bits word, real *z0,
                               real *z1)
{
    const real r = real_sqrt(square), s = r * sine, c = r * cosine;
    const int swap = (word & TOP_BIT >> 2) != 0;
    *z0 = real_of_bits(bits_of(swap ? s : c) ^ (word & TOP_BIT));
    *z1 = real_of_bits(bits_of(swap ? c : s) ^ (word << 1 & TOP_BIT));
}

#endif
