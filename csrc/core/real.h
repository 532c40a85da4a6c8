/* `real`: the one number type a formula knows; float or double, chosen by the build.
 *
 * Every formula is compiled twice, with FG_REAL_BITS 32 and 64. What is said here is all that a
 * formula may use besides other formulas: each word maps to one machine instruction or a few, so a
 * loop around a formula vectorises, and each is exact or correctly rounded, so a formula gives the
 * same bits on every instruction set that has a fused multiply-add.
 */
#ifndef FG_REAL_H
#define FG_REAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "fastgen keeps NaN, infinities and signed zeros: build it without -ffast-math"
#endif

#if FG_REAL_BITS == 32
typedef float real;
typedef uint32_t real_bits; /* as wide as real */
#define R(x) x##f           /* R(0.5) is a literal of type real */
#define REAL_MANTISSA_BITS 23
#define REAL_EXPONENT_BIAS 127
#elif FG_REAL_BITS == 64
typedef double real;
typedef uint64_t real_bits;
#define R(x) x
#define REAL_MANTISSA_BITS 52
#define REAL_EXPONENT_BIAS 1023
#else
#error "FG_REAL_BITS must be 32 or 64"
#endif

#define REAL_INFINITY ((real)INFINITY)
#define REAL_NAN ((real)NAN)

/* A constant that both precisions need in its own digits: PICK(f, d). */
#if FG_REAL_BITS == 32
#define PICK(f, d) (f)
#else
#define PICK(f, d) (d)
#endif

static inline real_bits bits_of(real x)
{
    real_bits u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline real real_of_bits(real_bits u)
{
    real x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* a*b + c with one rounding, where the instruction set can (every one but x86-64-v2, where it is
 * two roundings: a library call would cost 50 times more, and stop the loop from vectorising). */
static inline real mul_add(real a, real b, real c)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    return PICK(__builtin_fmaf((float)a, (float)b, (float)c), __builtin_fma(a, b, c));
#else
    return a * b + c;
#endif
}

/* a / b of a known 1 / b, in three operations that vectorise better than a division, which it
 * equals to the last bit where 1 / b is a normal number and nothing overflows (Markstein, IA-64 and
 * elementary functions, 2000, theorem 8.5). Without fused multiply-add, a division. */
static inline real quotient(real a, real b, real inverse_b)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    const real q = a * inverse_b, r = mul_add(mul_add(-q, b, a), inverse_b, q);
    return r == r ? r : q; /* an infinity leaves NaN behind */
#else
    (void)inverse_b;
    return a / b;
#endif
}

static inline real real_abs(real x)
{
    return PICK(__builtin_fabsf((float)x), __builtin_fabs(x));
}

static inline real real_sqrt(real x)
{
    return PICK(__builtin_sqrtf((float)x), __builtin_sqrt(x));
}

static inline real real_copysign(real magnitude, real sign)
{
    return PICK(__builtin_copysignf((float)magnitude, (float)sign),
                __builtin_copysign(magnitude, sign));
}

/* The larger and the smaller; where b is NaN it wins, so clamp as real_max(limit, x). */
static inline real real_max(real a, real b)
{
    return a > b ? a : b;
}

static inline real real_min(real a, real b)
{
    return a < b ? a : b;
}

#endif
