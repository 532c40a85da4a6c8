/* `real`: the one number type of formulas. It is float or double, chosen by the build.
 *
 * Every formula is compiled twice, with FG_REAL_BITS 32 and 64. A formula uses the words of this
 * header and other formulas, and nothing else. Each word is one machine instruction or a few, so a
 * loop around a formula vectorises. Each is exact or correctly rounded, so a formula gives the same
 * bits on every instruction set that has a fused multiply-add.
 */
#ifndef FG_CORE_REAL_H
#define FG_CORE_REAL_H

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

/* A constant with other digits in each precision: PICK(f, d). */
#if FG_REAL_BITS == 32
#define PICK(f, d) (f)
#else
#define PICK(f, d) (d)
#endif

/* The machine's own operations, by the compiler's names. A compiler for another kind of device may
 * bring its own. */
#ifndef FG_FMA
#define FG_FMA __builtin_fma
#define FG_FMAF __builtin_fmaf
#define FG_FABS __builtin_fabs
#define FG_FABSF __builtin_fabsf
#define FG_SQRT __builtin_sqrt
#define FG_SQRTF __builtin_sqrtf
#define FG_COPYSIGN __builtin_copysign
#define FG_COPYSIGNF __builtin_copysignf
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

/* a*b + c with one rounding, where the instruction set has the instruction. x86-64-v2 has not, and
 * rounds twice: a library call would cost 50 times as much, and the loop would not vectorise. */
static inline real mul_add(real a, real b, real c)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    return PICK(FG_FMAF((float)a, (float)b, (float)c), FG_FMA(a, b, c));
#else
    return a * b + c;
#endif
}

/* The same in double, whatever `real` is. */
static inline double wide_mul_add(double a, double b, double c)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    return FG_FMA(a, b, c);
#else
    return a * b + c;
#endif
}

/* a / b where 1 / b is known: three operations that are faster in vectors than a division. The
 * result is the quotient to the last bit where 1 / b is a normal number and nothing overflows
 * (Markstein, IA-64 and elementary functions, 2000, theorem 8.5). Without fused multiply-add it is
 * a division. */
static inline real quotient(real a, real b, real inverse_b)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    const real q = a * inverse_b, r = mul_add(mul_add(-q, b, a), inverse_b, q);
    return r == r ? r : q; /* NaN where something is infinite */
#else
    (void)inverse_b;
    return a / b;
#endif
}

static inline real real_abs(real x)
{
    return PICK(FG_FABSF((float)x), FG_FABS(x));
}

static inline real real_sqrt(real x)
{
    return PICK(FG_SQRTF((float)x), FG_SQRT(x));
}

static inline real real_copysign(real magnitude, real sign)
{
    return PICK(FG_COPYSIGNF((float)magnitude, (float)sign), FG_COPYSIGN(magnitude, sign));
}

/* a where mask is all ones, b where it is 0. */
static inline real real_select_by(real_bits mask, real a, real b)
{
    return real_of_bits((bits_of(a) & mask) | (bits_of(b) & ~mask));
}

/* condition ? a : b, by bits. Compilers make a branch of `?:` where a or b lies in memory or where
 * the result is stored in the place of b, and the loop then does not vectorise. */
static inline real real_select(int condition, real a, real b)
{
    const real_bits mask = (real_bits)0 - (real_bits)condition;
    return real_of_bits((bits_of(a) & mask) | (bits_of(b) & ~mask));
}

/* The larger and the smaller. Where b is NaN, the result is b: so clamp as real_max(limit, x). */
static inline real real_max(real a, real b)
{
    return a > b ? a : b;
}

static inline real real_min(real a, real b)
{
    return a < b ? a : b;
}

#endif
