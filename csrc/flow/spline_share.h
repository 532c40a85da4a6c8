/* 2^t for t <= 0: the exponential of a softmax, in double whatever the arrays hold.
 *
 * 1 + f p(f) is the minimax polynomial on [-1/2, 1/2], of relative error 2^-39.8 for float arrays,
 * whose knots are then right to 2^-13 of a float's last bit, and 2^-51.3 for double. In one chain:
 * a kernel has others to go on with, and two would be longer. Meaningless for t < -1022.
 */
#ifndef FG_FLOW_SPLINE_SHARE_H
#define FG_FLOW_SPLINE_SHARE_H

#include "core/lanes.h"

#define LOG2_E 0x1.71547652b82fep0
/* As a logarithm, beside the largest: below, a share is nothing, and should still not be 0. */
#define SHARE_LOWEST PICK(-69.0f, -690.0)

static inline wide_real exp2_of_share(wide_real t)
{
    const wide_real shifter = 0x1.8p52 + 1023.0, shifted = t + shifter;
    const wide_real f = t - (shifted - shifter);
#if FG_REAL_BITS == 32
    wide_real p = wide_mul_add(f, 0x1.66348837e0496p-20, 0x1.00ee071f319e2p-16);
    p = wide_mul_add(f, p, 0x1.4306c115f9e4dp-13);
    p = wide_mul_add(f, p, 0x1.5d872975bfdc1p-10);
    p = wide_mul_add(f, p, 0x1.3b2ab7f3b35e8p-7);
    p = wide_mul_add(f, p, 0x1.c6b08defc2654p-5);
    p = wide_mul_add(f, p, 0x1.ebfbdff7c5a77p-3);
    p = wide_mul_add(f, p, 0x1.62e42fef7a78bp-1);
#else
    wide_real p = wide_mul_add(f, 0x1.e95d82d69f7e0p-28, 0x1.b68a097f60075p-24);
    p = wide_mul_add(f, p, 0x1.62be22629427dp-20);
    p = wide_mul_add(f, p, 0x1.ffcb3ef40b0c5p-17);
    p = wide_mul_add(f, p, 0x1.430913962f21cp-13);
    p = wide_mul_add(f, p, 0x1.5d87fea4a6607p-10);
    p = wide_mul_add(f, p, 0x1.3b2ab6fb820cdp-7);
    p = wide_mul_add(f, p, 0x1.c6b08d7039563p-5);
    p = wide_mul_add(f, p, 0x1.ebfbdff82c61fp-3);
    p = wide_mul_add(f, p, 0x1.62e42fefa3a28p-1);
#endif
    uint64_t bits;
    wide_real power;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 52;
    memcpy(&power, &bits, sizeof power);
    return wide_mul_add(f, p, 1.0) * power;
}

#endif
