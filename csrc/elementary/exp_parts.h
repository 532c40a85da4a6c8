/* e^x = 2^k (1 + head + tail), k = round(x / ln 2): the common part of exp, expm1, tanh, ...
 *
 * head = x - k ln2_hi is exact for every k that occurs. ln2_hi ends in zeros, so the product is
 * exact even without a fused multiply-add, and the difference has few bits. The rest is
 *     tail = -k ln2_lo + r^2 q(r),   r = head - k ln2_lo,   q(r) = (e^r - 1 - r) / r^2.
 * The tail is small beside head. So e^x - 1 and e^x - 1 - x are sums of exact parts, without
 * cancellation. For k = 0, head is x and tail is e^x - 1 - x.
 *
 * 2^k overflows before e^x does (at k = 128 or 1024). So these functions compute 2^(k - 1) and
 * twice the tail. To double the result at the end instead would lose the last bit of a subnormal.
 */
#ifndef FG_ELEMENTARY_EXP_PARTS_H
#define FG_ELEMENTARY_EXP_PARTS_H

#include "elementary/ln2.h"

/* 1.5 2^mantissa + (bias - 1). A sum with this constant is an integer. Its low bits are k + bias -
 * 1, the exponent field of 2^(k - 1). A conversion between double and int64 would need AVX-512. */
#define EXP_SHIFTER PICK(0x1.8p23f + 126.0f, 0x1.8p52 + 1022.0)

#define EXP_LARGEST PICK(89.0f, 710.0)     /* above it, e^x is infinite */
#define EXP_SMALLEST PICK(-104.0f, -746.0) /* below it, e^x rounds to 0 */
#define EXP_TINY PICK(-20.0f, -40.0)       /* below it, e^x is less than half an ULP of 1 */

/* k + EXP_SHIFTER. Where 2^(k - 1) does not exist, the result has no meaning, and the caller
 * selects the right result at its end. (If x were limited here, gcc would copy the limit into every
 * later line and compute each of them twice.) */
static inline real exp_shifted_k(real x)
{
    return mul_add(x, PICK(0x1.715476p0f, 0x1.71547652b82fep0), EXP_SHIFTER);
}

static inline real exp_k(real shifted_k)
{
    return shifted_k - EXP_SHIFTER;
}

/* 2^(k - 1), for 1 - bias < k <= bias + 1. */
static inline real exp_half_power(real shifted_k)
{
    return real_of_bits(bits_of(shifted_k) << REAL_MANTISSA_BITS);
}

static inline real exp_head_of(real x, real k)
{
    return mul_add(k, -LN2_HI, x);
}

/* (2 (e^r - 1 - r) / r^2 - 1) / r for |r| <= ln2/2. The functions made of it have a relative error
 * of 2^-27.9 and 2^-58.2. Even and odd powers are separate: two short chains run faster than a long
 * one. */
static inline real exp_series(real r, real square)
{
#if FG_REAL_BITS == 32
    real odd = mul_add(square, 0x1.6d223ap-9f, 0x1.55550cp-4f);
    real even = mul_add(square, 0x1.a1847ap-12f, 0x1.111054p-6f);
    even = mul_add(square, even, 0x1.555556p-2f);
#else
    real odd = mul_add(square, 0x1.1fa4a975f03e7p-28, 0x1.27e4bf97cfdadp-21);
    real even = mul_add(square, 0x1.af4ffe2a65bb0p-25, 0x1.71de010974e3fp-18);
    odd = mul_add(square, odd, 0x1.a01a01b0ea44dp-15);
    even = mul_add(square, even, 0x1.a01a01ac53056p-12);
    odd = mul_add(square, odd, 0x1.6c16c16c14e9ap-9);
    even = mul_add(square, even, 0x1.1111111110002p-6);
    odd = mul_add(square, odd, 0x1.5555555555557p-4);
    even = mul_add(square, even, 0x1.5555555555557p-2);
#endif
    return mul_add(r, odd, even);
}

static inline real exp_twice_tail(real head, real k)
{
    real r = mul_add(k, -LN2_LO, head);
    real square = r * r;
    real twice = square * mul_add(r, exp_series(r, square), R(1.0));
    return mul_add(k, R(-2.0) * LN2_LO, twice);
}

/* The same with a smaller error. It uses no rounded r: with d = k ln2_lo,
 * e^(head - d) - 1 - head = (e^head - 1 - head) + e^head (e^-d - 1). */
static inline real exp_fine_twice_tail(real head, real k)
{
    real square = head * head;
    real twice = mul_add(square, head * exp_series(head, square), square);
    real twice_expm1 = k * (R(-2.0) * LN2_LO);
#if FG_REAL_BITS == 32 /* d^2 < 4e-6; in double it is below 1e-19 */
    twice_expm1 = mul_add(R(0.25) * twice_expm1, twice_expm1, twice_expm1);
#endif
    real exp_head = R(1.0) + mul_add(R(0.5), twice, head);
    return mul_add(twice_expm1, exp_head, twice);
}

#endif
