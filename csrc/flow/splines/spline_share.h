/* 2^t for t <= 0: the exponential of a softmax, in double for float arrays too.
 *
 * 1 + f p(f) is the minimax polynomial on [-1/2, 1/2], of relative error 2^-51.3. For float arrays,
 * a polynomial of 2^-39.8 would give an error of 2e-5 in the log-determinant near sharp bends. It
 * is evaluated by Horner's rule, not Estrin's: several numbers side by side hide the latency, so
 * fewer operations win. For t < -1022 the result has no meaning.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_SHARE_H
#define FG_FLOW_SPLINES_SPLINE_SHARE_H

#include "core/lanes.h"

#define LOG2_E 0x1.71547652b82fep0
/* The lowest logarithm of a share over the largest. Smaller shares are negligible, but must not be
 * 0. */
#define SHARE_LOWEST PICK(-69.0f, -690.0)

/* How many bins go side by side. An exponential is a chain of 16 operations that wait for one
 * another, and a CPU looks ahead over few of them. Four chains in turn give it work. Clang does so
 * by itself. */
#if defined(__clang__)
enum { SHARES = 1 };
#define EACH_SHARE(j, n) for (int j = 0; j < (n); j++)
#else
enum { SHARES = 4 };
#define EACH_SHARE(j, n) _Pragma("GCC unroll 4") for (int j = 0; j < (n); j++)
#endif

/* The next coefficient of each polynomial. */
static inline __attribute__((always_inline)) void extend_shares(const wide_real *f, wide_real *p,
                                                                int n, wide_real coefficient)
{
    EACH_SHARE(j, n)
        p[j] = wide_mul_add(f[j], p[j], coefficient);
}

/* 2^t[j] in the place of t[j], for j < n <= SHARES, where n is a constant. */
static inline __attribute__((always_inline)) void exp2_of_shares(wide_real *t, int n)
{
    const wide_real shifter = 0x1.8p52 + 1023.0;
    wide_real f[SHARES], p[SHARES], power[SHARES];
    EACH_SHARE(j, n) {
        const wide_real shifted = t[j] + shifter;
        uint64_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        bits <<= 52;
        memcpy(&power[j], &bits, sizeof power[j]);
        f[j] = t[j] - (shifted - shifter);
        p[j] = wide_mul_add(f[j], 0x1.e95d82d69f7e0p-28, 0x1.b68a097f60075p-24);
    }
    extend_shares(f, p, n, 0x1.62be22629427dp-20);
    extend_shares(f, p, n, 0x1.ffcb3ef40b0c5p-17);
    extend_shares(f, p, n, 0x1.430913962f21cp-13);
    extend_shares(f, p, n, 0x1.5d87fea4a6607p-10);
    extend_shares(f, p, n, 0x1.3b2ab6fb820cdp-7);
    extend_shares(f, p, n, 0x1.c6b08d7039563p-5);
    extend_shares(f, p, n, 0x1.ebfbdff82c61fp-3);
    extend_shares(f, p, n, 0x1.62e42fefa3a28p-1);
    extend_shares(f, p, n, 1.0);
    EACH_SHARE(j, n)
        t[j] = p[j] * power[j];
}

static inline wide_real exp2_of_share(wide_real t)
{
    exp2_of_shares(&t, 1);
    return t;
}

#endif
