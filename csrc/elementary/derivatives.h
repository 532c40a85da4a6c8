/* The derivatives of the elementary functions, each from another of them, so that none cancels. */
#ifndef FG_ELEMENTARY_DERIVATIVES_H
#define FG_ELEMENTARY_DERIVATIVES_H

#include "elementary/exp.h"
#include "elementary/expm1.h"
#include "elementary/expm1_minus_x.h"
#include "elementary/log.h"
#include "elementary/log1p.h"
#include "elementary/sigmoid.h"
#include "elementary/softplus.h"
#include "elementary/tanh.h"
#include "elementary/x_minus_log1p.h"

static inline real real_exp_grad(real x, real *d_x)
{
    return *d_x = real_exp(x);
}

static inline real real_expm1_grad(real x, real *d_x)
{
    *d_x = real_exp(x);
    return real_expm1(x);
}

static inline real real_expm1_minus_x_grad(real x, real *d_x)
{
    *d_x = real_expm1(x);
    return real_expm1_minus_x(x);
}

static inline real real_log_grad(real x, real *d_x)
{
    *d_x = 1 / x;
    return real_log(x);
}

static inline real real_log1p_grad(real x, real *d_x)
{
    *d_x = 1 / (1 + x);
    return real_log1p(x);
}

static inline real real_sigmoid_grad(real x, real *d_x)
{
    const real y = real_sigmoid(x);
    *d_x = y * real_sigmoid(-x); /* y (1 - y), without the cancellation */
    return y;
}

static inline real real_softplus_grad(real x, real *d_x)
{
    *d_x = real_sigmoid(x);
    return real_softplus(x);
}

static inline real real_tanh_grad(real x, real *d_x)
{
    const real y = real_sigmoid(2 * x); /* 1 - tanh(x)^2, without the cancellation */
    *d_x = 4 * y * real_sigmoid(-2 * x);
    return real_tanh(x);
}

static inline real real_x_minus_log1p_grad(real x, real *d_x)
{
    *d_x = x == REAL_INFINITY ? R(1.0) : x / (1 + x);
    return real_x_minus_log1p(x);
}

#endif
