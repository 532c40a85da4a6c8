/* The upper tail of the standard normal distribution, Q(x) = e^(-x^2/2) r(x) for x >= 0, in two
 * factors: the decay, and the ratio r (Mills' ratio over sqrt(2 pi)), which falls from 1/2 like
 * 1/x.
 *
 * r(x) (x + 1) is a polynomial in t = (x - 4) / (x + 4), the same polynomial for every x. So there
 * are no ranges and no branches. The product varies little, so the rounding of t hardly matters.
 *
 * The exponential multiplies the rounding error of x^2/2. So x is split into a number of few bits,
 * whose square is exact, and a rest. The exponential takes x^2/2 in two parts.
 *
 * Source: Shepherd and Laframboise (1981), Chebyshev approximation of (1 + 2x) e^(x^2) erfc(x);
 * coefficients by fit.py.
 */
#ifndef FG_ELEMENTARY_NORMAL_TAIL_H
#define FG_ELEMENTARY_NORMAL_TAIL_H

#include "elementary/exp.h"

#define INVERSE_SQRT_2_PI PICK(0x1.988454p-2f, 0x1.9884533d43651p-2)
#define NORMAL_FAR PICK(15.0f, 39.0) /* above it, Q(x) rounds to 0 */

/* r(x) (x + 1) in t, in even and odd powers; relative errors of 2^-26.1 and 2^-54.6. */
static inline real tail_series(real t)
{
    const real z = t * t;
#if FG_REAL_BITS == 32
    real odd = mul_add(z, 0x1.b74408p-17f, -0x1.68eb36p-14f);
    real even = mul_add(z, -0x1.d4d21ep-15f, 0x1.59eb94p-11f);
    odd = mul_add(z, odd, -0x1.2fca88p-12f);
    even = mul_add(z, even, -0x1.4698ccp-8f);
    odd = mul_add(z, odd, 0x1.25e136p-6f);
    even = mul_add(z, even, -0x1.07cda6p-5f);
    odd = mul_add(z, odd, 0x1.d49658p-6f);
    even = mul_add(z, even, 0x1.cac118p-7f);
    odd = mul_add(z, odd, -0x1.8c18f2p-4f);
    even = mul_add(z, even, 0x1.e361eap-2f);
#else
    real odd = mul_add(z, 0x1.edb91b6de19e8p-33, -0x1.1d689e562c15cp-29);
    real even = mul_add(z, 0x1.1d6489df520fbp-34, -0x1.099d541d985eep-29);
    odd = mul_add(z, odd, 0x1.4022dca3002c2p-27);
    even = mul_add(z, even, 0x1.3d022d1bf7cacp-26);
    odd = mul_add(z, odd, -0x1.9cda24f79fdc7p-26);
    even = mul_add(z, even, -0x1.dfe82eaed2bafp-24);
    odd = mul_add(z, odd, 0x1.54830a076478dp-28);
    even = mul_add(z, even, 0x1.28779b1508ad4p-21);
    odd = mul_add(z, odd, 0x1.b033905eb9c91p-22);
    even = mul_add(z, even, -0x1.5ead5f7e044b3p-19);
    odd = mul_add(z, odd, -0x1.cc8f93f376fe4p-19);
    even = mul_add(z, even, 0x1.c93c664d10c9ep-17);
    odd = mul_add(z, odd, 0x1.64836cd7c9776p-16);
    even = mul_add(z, even, -0x1.707b8e8788c9dp-14);
    odd = mul_add(z, odd, -0x1.8c11ad4653e48p-14);
    even = mul_add(z, even, 0x1.6c53821d33b26p-11);
    odd = mul_add(z, odd, -0x1.2b7f5e15c77c1p-12);
    even = mul_add(z, even, -0x1.47d5fc710ac21p-8);
    odd = mul_add(z, odd, 0x1.25dd7206041f2p-6);
    even = mul_add(z, even, -0x1.07c3c2583215ap-5);
    odd = mul_add(z, odd, 0x1.d4969f10dff3cp-6);
    even = mul_add(z, even, 0x1.cabd72a61017dp-7);
    odd = mul_add(z, odd, -0x1.8c18f2086e34ap-4);
    even = mul_add(z, even, 0x1.e361ea6fba141p-2);
#endif
    return mul_add(t, odd, even);
}

/* r(x) for x >= 0, within 1.5 ULP; 0 at inf. */
static inline real tail_ratio(real x)
{
    const real y = tail_series(mul_add(R(-8.0), 1 / (x + R(4.0)), R(1.0)));
    const real below = x + R(1.0);
    const real below_lo = x > 1 ? R(1.0) - (below - x) : x - (below - R(1.0));
    const real inverse = 1 / below, r = y * inverse;
    const real rest = mul_add(-r, below_lo, mul_add(-r, below, y));
    return below > PICK(0x1p60f, 0x1p500) ? r : mul_add(rest, inverse, r);
}

/* Returns e^(-x^2/2) / fall for 0 <= x <= NORMAL_FAR. exp_raised describes `fall`. */
static inline real normal_decay(real x, real *fall)
{
    const real_bits half = (real_bits)1 << PICK(11, 26);
    const real cut = real_of_bits((bits_of(x) + half) & ~(2 * half - 1));
    const real high = R(-0.5) * cut * cut, low = R(-0.5) * (x - cut) * (x + cut);
    const real shifted_k = exp_shifted_k(high + low), k = exp_k(shifted_k);
    const real head = exp_head_of(high, k), rest = mul_add(k, -LN2_LO, low), r = head + rest;
    const real square = r * r;
    const real twice_tail =
        mul_add(R(2.0), rest, square * mul_add(r, exp_series(r, square), R(1.0)));
    const real_bits rise = high < PICK(-86.0f, -708.0) ? PICK(96, 192) : 0;
    *fall = high < PICK(-86.0f, -708.0) ? 1 / EXP_RISE : R(1.0);
    return (R(2.0) + mul_add(R(2.0), head, twice_tail)) *
           real_of_bits((bits_of(shifted_k) + rise) << REAL_MANTISSA_BITS);
}

#endif
