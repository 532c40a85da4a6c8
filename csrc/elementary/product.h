/* A long product and its logarithm, (high + low) 2^exponent, without overflow or underflow.
 *
 * Each factor is 2^k m with m in [3/4, 3/2). The mantissas are multiplied with their rounding
 * errors (TwoProduct), and the exponents are added. So one logarithm gives the sum of the
 * logarithms of all factors, without a rounding error for each. Up to 1000 factors may come between
 * two calls of `normalized`.
 *
 * Source: Ogita, Rump and Oishi, Accurate sum and dot product (2005), for TwoProduct.
 * Max error of the logarithm: 1.5 ULP in double, of the larger of the logarithm and 2^-52 per
 * factor. Without FMA there is no TwoProduct, and the error is 1.5 ULP and 2^-53 per factor. A
 * factor 0 gives -inf, an infinite factor +inf, both together NaN; NaN gives NaN.
 */
#ifndef FG_ELEMENTARY_PRODUCT_H
#define FG_ELEMENTARY_PRODUCT_H

#include "elementary/log_parts.h"

typedef struct {
    real high, low, exponent;
} product;

/* m, where |x| = 2^k m. The exponent is -inf for 0, inf for an infinity, and NaN for NaN. */
static inline real mantissa_of(real x, real *exponent)
{
    const real magnitude = real_abs(x), smallest = PICK(0x1p-126f, 0x1p-1022);
    const real normal = magnitude < smallest ? magnitude * PICK(0x1p23f, 0x1p52) : magnitude;
    const real raised = magnitude < smallest ? -(real)REAL_MANTISSA_BITS : R(0.0);
    const real_bits moved = log_moved_bits(normal);
    const real k = magnitude == R(0.0) ? -REAL_INFINITY : log_k(moved, raised);
    *exponent = magnitude < REAL_INFINITY ? k : magnitude;
    return real_of_bits((moved & (((real_bits)1 << REAL_MANTISSA_BITS) - 1)) + bits_of(R(0.75)));
}

static inline product product_of(product a, product b)
{
    const real high = a.high * b.high, lost = mul_add(a.high, b.high, -high);
    const product p = {high, mul_add(a.low, b.high, mul_add(a.high, b.low, lost)),
                       a.exponent + b.exponent};
    return p;
}

static inline product times(product p, real x)
{
    real exponent;
    const real m = mantissa_of(x, &exponent), high = p.high * m;
    const product q = {high, mul_add(p.low, m, mul_add(p.high, m, -high)), p.exponent + exponent};
    return q;
}

/* The same product, with `high` in [3/4, 3/2). */
static inline product normalized(product p)
{
    const real_bits moved = log_moved_bits(p.high), field = moved >> REAL_MANTISSA_BITS;
    const real inverse_power =
        real_of_bits((2 * (real_bits)REAL_EXPONENT_BIAS - field) << REAL_MANTISSA_BITS);
    const product q = {p.high * inverse_power, p.low * inverse_power,
                       p.exponent + log_k(moved, R(0.0))};
    return q;
}

static inline real log_of_product(product p)
{
    const product q = normalized(p);
    const real small = mul_add(q.exponent, LN2_LO, q.low / q.high);
    const real y =
        mul_add(q.exponent, LN2_HI, (q.high - R(1.0)) + log_tail_plus(small, q.high - R(1.0)));
    return real_abs(q.exponent) < REAL_INFINITY ? y : q.exponent;
}

#endif
