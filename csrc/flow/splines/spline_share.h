/* 2^t for t <= 0: the exponential of a softmax, in double for float arrays too.
 *
 * 1 + f p(f) is the minimax polynomial on [-1/2, 1/2], of relative error 2^-51.3. For float arrays,
 * a polynomial of 2^-39.8 would give an error of 2e-5 in the log-determinant near sharp bends. It
 * is evaluated by Horner's rule, not Estrin's: 16 independent lanes hide the latency, so fewer
 * operations win. For t < -1022 the result has no meaning.
 */
#ifndef FG_FLOW_SPLINES_SPLINE_SHARE_H
#define FG_FLOW_SPLINES_SPLINE_SHARE_H

#include "core/lanes.h"

#define LOG2_E 0x1.71547652b82fep0
/* The lowest logarithm of a share over the largest. Smaller shares are negligible, but must not be
 * 0. */
#define SHARE_LOWEST PICK(-69.0f, -690.0)

static inline wide_real exp2_of_share(wide_real t)
{
    const wide_real shifter = 0x1.8p52 + 1023.0, shifted = t + shifter;
    const wide_real f = t - (shifted - shifter);
    wide_real p = wide_mul_add(f, 0x1.e95d82d69f7e0p-28, 0x1.b68a097f60075p-24);
    p = wide_mul_add(f, p, 0x1.62be22629427dp-20);
    p = wide_mul_add(f, p, 0x1.ffcb3ef40b0c5p-17);
    p = wide_mul_add(f, p, 0x1.430913962f21cp-13);
    p = wide_mul_add(f, p, 0x1.5d87fea4a6607p-10);
    p = wide_mul_add(f, p, 0x1.3b2ab6fb820cdp-7);
    p = wide_mul_add(f, p, 0x1.c6b08d7039563p-5);
    p = wide_mul_add(f, p, 0x1.ebfbdff82c61fp-3);
    p = wide_mul_add(f, p, 0x1.62e42fefa3a28p-1);
    uint64_t bits;
    wide_real power;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 52;
    memcpy(&power, &bits, sizeof power);
    return wide_mul_add(f, p, 1.0) * power;
}

#endif
