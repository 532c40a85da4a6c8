/* The derivatives of the elementary functions. Each is made of other elementary functions, so that
 * nothing cancels. */
#ifndef FG_ELEMENTARY_DERIVATIVES_H
#define FG_ELEMENTARY_DERIVATIVES_H

#include "elementary/exp.h"
#include "elementary/expm1.h"
#include "elementary/expm1_minus_x.h"
#include "elementary/log.h"
#include "elementary/log1p.h"
#include "elementary/log_ndtr.h"
#include "elementary/ndtr.h"
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

/* sigmoid(x) (1 - sigmoid(x)) = e / (1 + e)^2, e = e^-|x|. It is even in x, and nothing cancels. */
static inline real logistic_density(real x)
{
    const real minus = -real_abs(x);
    const real e = exp_within_limits(minus);
    const real inverse = 1 / (1 + e);
    const real density = e * inverse * inverse;
    return minus < EXP_SMALLEST ? R(0.0) : density;
}

/* phi(x) */
static inline real real_ndtr_grad(real x, real *d_x)
{
    real fall;
    const real decay = normal_decay(real_min(NORMAL_FAR, real_abs(x)), &fall);
    *d_x = decay * INVERSE_SQRT_2_PI * fall;
    return real_ndtr(x);
}

/* phi(x) / Phi(x) */
static inline real real_log_ndtr_grad(real x, real *d_x)
{
    real density;
    const real below = real_ndtr_grad(x, &density);
    *d_x = x > 0 ? density / below : INVERSE_SQRT_2_PI / tail_ratio(real_abs(x));
    return real_log_ndtr(x);
}

static inline real real_sigmoid_grad(real x, real *d_x)
{
    *d_x = logistic_density(x);
    return real_sigmoid(x);
}

static inline real real_softplus_grad(real x, real *d_x)
{
    *d_x = real_sigmoid(x);
    return real_softplus(x);
}

/* 1 - tanh(x)^2 = 4 e / (1 + e)^2, e = e^(-2|x|). tanh has made 1 / (1 + e) = (1 + |tanh(x)|) / 2,
 * so there is no second division. */
static inline real real_tanh_grad(real x, real *d_x)
{
    const real y = real_tanh(x), minus = R(-2.0) * real_abs(x);
    const real e = exp_within_limits(minus), twice_inverse = 1 + real_abs(y);
    const real slope = e * twice_inverse * twice_inverse;
    *d_x = minus < EXP_SMALLEST ? R(0.0) : slope;
    return y;
}

static inline real real_x_minus_log1p_grad(real x, real *d_x)
{
    *d_x = x == REAL_INFINITY ? R(1.0) : x / (1 + x);
    return real_x_minus_log1p(x);
}

#endif
