/* log(1 + f) = f + tail(f) for 1 + f in [3/4, 3/2]: the common part of log, log1p, softplus.
 *
 * With s = f / (2 + f), log(1 + f) = 2 atanh(s) = 2s + s^3 Q(s^2), and 2s = f - f^2/2 + s f^2/2. So
 *     tail(f) = s (f^2/2 + s^2 Q(s^2)) - f^2/2.
 * The tail is small beside f, and so are its rounding errors. Any interval [a, 2a] would be as good
 * as [sqrt(1/2), sqrt(2)]; with this one, f is exact in log1p and softplus.
 */
#ifndef FG_ELEMENTARY_LOG_PARTS_H
#define FG_ELEMENTARY_LOG_PARTS_H

#include "elementary/ln2.h"

/* f^2/2 + s^2 Q(s^2), given f^2/2. The caller multiplies it by s. */
static inline real log_arm(real half_square, real s)
{
    real z = s * s;
    /* Q. The result has a relative error of 2^-28.4 and 2^-62.7. */
#if FG_REAL_BITS == 32
    real q = mul_add(z, 0x1.36eccp-2f, 0x1.992aa8p-2f);
    q = mul_add(z, q, 0x1.5555b4p-1f);
#else /* even and odd powers: two short chains run faster than a long one */
    real w = z * z;
    real odd = mul_add(w, 0x1.1b7ebcc96be65p-3, 0x1.3b35bb33a33d5p-3);
    real q = mul_add(w, 0x1.0dcbfb4dadeb1p-3, 0x1.745c4b02c8c83p-3);
    odd = mul_add(w, odd, 0x1.c71c748f33331p-3);
    q = mul_add(w, q, 0x1.24924921e4c29p-2);
    odd = mul_add(w, odd, 0x1.999999999c175p-2);
    q = mul_add(w, q, 0x1.555555555554fp-1);
    q = mul_add(z, odd, q);
#endif
    return mul_add(z, q, half_square);
}

/* tail(f) + c for a small c. To add c here, before f^2/2, costs the least accuracy. */
static inline real log_tail_plus(real c, real f)
{
    real half_square = R(0.5) * f * f;
    real s = f / (R(2.0) + f);
    return mul_add(s, log_arm(half_square, s), c) - half_square;
}

/* k ln 2 + log(1 + f) */
static inline real log_sum(real k, real f)
{
    return mul_add(k, LN2_HI, f + log_tail_plus(k * LN2_LO, f));
}

/* The bits of x = 2^k m, m in [3/4, 3/2), plus a constant, so that the exponent field is k + bias.
 */
static inline real_bits log_moved_bits(real x)
{
    return bits_of(x) + ((real_bits)1 << (REAL_MANTISSA_BITS - 1));
}

/* k + offset, from moved bits. An integer in the mantissa of 2^mantissa adds its value to the
 * number. A conversion between int64 and double would need AVX-512. */
static inline real log_k(real_bits moved, real offset)
{
    real_bits field = moved >> REAL_MANTISSA_BITS;
    return real_of_bits(field | bits_of(PICK(0x1p23f, 0x1p52))) -
           (PICK(0x1p23f, 0x1p52) + (real)REAL_EXPONENT_BIAS - offset);
}

#endif
