/* g(d) = 1/2 ((1 + d) log(1 + d) + (1 - d) log(1 - d)) = sum_k d^2k / (2k (2k - 1)), |d| <= 1/2:
 * the Jensen-Shannon divergence of two numbers near each other, with the relative difference d.
 *
 * All terms of the series are positive, so nothing cancels as d approaches 0. The logarithms would
 * lose all digits there.
 */
#ifndef FG_GAN_JS_PARTS_H
#define FG_GAN_JS_PARTS_H

#include "core/real.h"

/* g(d) / d^2, given z = d^2, with a relative error of 2^-28.7 and 2^-57.5 (fit.py). */
static inline real js_series(real z)
{
#if FG_REAL_BITS == 32
    real q = mul_add(z, 0x1.4fdc92p-7f, 0x1.8d74dep-8f);
    q = mul_add(z, q, 0x1.72e298p-7f);
    q = mul_add(z, q, 0x1.245dc0p-6f);
    q = mul_add(z, q, 0x1.1111a4p-5f);
    q = mul_add(z, q, 0x1.555556p-4f);
#else /* even and odd powers: two short chains run faster than a long one */
    const real w = z * z;
    real q = mul_add(w, 0x1.9bb4fc0f36feap-8, 0x1.03f12d37105f1p-8);
    real odd = mul_add(w, -0x1.8c43d4999fc8bp-9, 0x1.93712f3aa1281p-10);
    q = mul_add(w, q, 0x1.6899b40859308p-9);
    odd = mul_add(w, odd, 0x1.aa5005dd55567p-9);
    q = mul_add(w, q, 0x1.1127d18387399p-8);
    odd = mul_add(w, odd, 0x1.68152d87d8ee6p-8);
    q = mul_add(w, q, 0x1.f07c2bb22b449p-8);
    odd = mul_add(w, odd, 0x1.6c16c14847538p-7);
    q = mul_add(w, q, 0x1.24924924c6b70p-6);
    odd = mul_add(w, odd, 0x1.1111111110f30p-5);
    q = mul_add(w, q, 0x1.5555555555556p-4);
    q = mul_add(z, odd, q);
#endif
    return mul_add(z, q, R(0.5));
}

#endif
