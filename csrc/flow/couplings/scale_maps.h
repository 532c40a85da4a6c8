/* From a network's output u to a positive scale s and its logarithm.
 *
 *     exp        log s = u                                Dinh et al. (2017), Real NVP
 *     sigmoid    s = sigmoid(u + 2) + 1/1000              nflows; Glow without the constant
 *     softplus   s = min(softplus(u) + 1/1000, limit)     nflows, where limit is 3 or infinite
 *     tanh       log s = limit tanh(u)                    Real NVP, where limit is learned
 *     soft_clip  log s = u / (1 + |u| / limit)            zuko, where limit is log 1000
 *
 * A map that defines log s computes s as its exponential; log s is then finite even if s overflows.
 * A map that defines s computes log s as its logarithm.
 *
 * Max error of s: 1 ULP for exp, 3 for sigmoid and softplus, else 3 (1 + |log s|); of log s: 0 for
 * exp, 3 for tanh and soft_clip, 3 of the larger of |log s| and 1 for sigmoid and softplus.
 */
#ifndef FG_FLOW_COUPLINGS_SCALE_MAPS_H
#define FG_FLOW_COUPLINGS_SCALE_MAPS_H

#include "elementary/derivatives.h"

typedef struct {
    real scale, log_scale;
    real slope, limit_slope; /* derivatives of log_scale with respect to u and to limit */
} flow_scale;

static inline flow_scale scale_exp(real u)
{
    const flow_scale s = {real_exp(u), u, R(1.0), R(0.0)};
    return s;
}

static inline flow_scale scale_sigmoid(real u)
{
    const real moved = u + R(2.0), scale = real_sigmoid(moved) + R(1e-3);
    const flow_scale s = {scale, real_log(scale), logistic_density(moved) / scale, R(0.0)};
    return s;
}

static inline flow_scale scale_softplus(real u, real limit)
{
    const real free = real_softplus(u) + R(1e-3), scale = real_min(limit, free);
    const real slope = free > limit ? R(0.0) : real_sigmoid(u) / scale;
    const real limit_slope = free > limit ? R(1.0) / limit : R(0.0);
    const flow_scale s = {scale, real_log(scale), slope, limit_slope};
    return s;
}

static inline flow_scale scale_tanh(real u, real limit)
{
    real flatness; /* 1 - tanh(u)^2 */
    const real bent = real_tanh_grad(u, &flatness), log_scale = limit * bent;
    const flow_scale s = {real_exp(log_scale), log_scale, limit * flatness, bent};
    return s;
}

static inline flow_scale scale_soft_clip(real u, real limit)
{
    const real far = limit + real_abs(u), near = limit / far;
    const real bent = far == REAL_INFINITY ? real_copysign(R(1.0), u) : u / far;
    const real log_scale = limit * bent;
    const flow_scale s = {real_exp(log_scale), log_scale, near * near, bent * real_abs(bent)};
    return s;
}

#endif
