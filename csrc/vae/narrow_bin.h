/* S(p, h), the integral over 0 <= s <= 1 of cosh(p s) e^(h^2 (1 - s^2) / 2), p = a h, for 0 <= h <=
 * 1/2, p <= 1/4. It is the mean of the normal density over the bin from a - h to a + h, divided by
 * the density at sqrt(a^2 + h^2).
 *
 * S is the sum of p^2k / (2k)! J_k. J_k is the integral of s^2k e^(h^2 (1 - s^2) / 2), and
 * integration by parts gives J_k = (1 + h^2 J_(k+1)) / (2k + 1). All terms are positive, and the
 * terms left out are below the last bit.
 *
 * Max error: 1 ULP.
 */
#ifndef FG_VAE_NARROW_BIN_H
#define FG_VAE_NARROW_BIN_H

#include "core/real.h"

#define NARROW_BIN R(0.5)
#define SQRT_2_OVER_PI PICK(0x1.988454p-1f, 0x1.9884533d43651p-1)

/* (1 + z J) / n, z = h^2 */
static inline real narrow_bin_step(real z, real j, real inverse_n)
{
    return mul_add(z * inverse_n, j, inverse_n);
}

static inline real narrow_bin(real p, real h)
{
    const real z = h * h, w = p * p;
#if FG_REAL_BITS == 32
    const real j4 = narrow_bin_step(z, R(1.0) / 11, R(1.0) / 9);
    real tail = 0;
#else
    const real j8 = narrow_bin_step(z, narrow_bin_step(z, R(1.0) / 21, R(1.0) / 19), R(1.0) / 17);
    const real j6 = narrow_bin_step(z, narrow_bin_step(z, j8, R(1.0) / 15), R(1.0) / 13);
    const real j5 = narrow_bin_step(z, j6, R(1.0) / 11);
    const real j4 = narrow_bin_step(z, j5, R(1.0) / 9);
    real tail = w * (R(1.0) / 90) * mul_add(w * (R(1.0) / 132), j6, j5);
#endif
    const real j3 = narrow_bin_step(z, j4, R(1.0) / 7);
    const real j2 = narrow_bin_step(z, j3, R(1.0) / 5);
    const real j1 = narrow_bin_step(z, j2, R(1.0) / 3);
    tail = w * (R(1.0) / 56) * (j4 + tail);
    tail = w * (R(1.0) / 30) * (j3 + tail);
    tail = w * (R(1.0) / 12) * (j2 + tail);
    return 1 + mul_add(z, j1, R(0.5) * w * (j1 + tail));
}

/* sinh(p) / p and cosh(p), for 0 <= p <= 1/4 */
static inline real narrow_bin_sinh(real p)
{
    const real w = p * p;
    real y = mul_add(w, R(1.0) / 39916800, R(1.0) / 362880);
    y = mul_add(w, y, R(1.0) / 5040);
    y = mul_add(w, mul_add(w, y, R(1.0) / 120), R(1.0) / 6);
    return mul_add(w, y, R(1.0));
}

static inline real narrow_bin_cosh(real p)
{
    const real w = p * p;
    real y = mul_add(w, mul_add(w, R(1.0) / 3628800, R(1.0) / 40320), R(1.0) / 720);
    y = mul_add(w, mul_add(w, y, R(1.0) / 24), R(0.5));
    return mul_add(w, y, R(1.0));
}

#endif
