/* y = x + v tanh(a), a = w.x + b; log|det dy/dx| = log(1 + m (1 - tanh(a)^2)), v = u + k w.
 *
 * The transform is invertible if m = w.v > -1. So k moves u along w until m = softplus(w.u) - 1:
 * k = (m - w.u) / |w|^2, or 0 for w = 0. With cotangents c of y and d of the log-determinant,
 * h = tanh(a), g = 1 - h^2 and f = g / (1 + m g), the gradients are
 *     of a      A = (c.v) g - 2 h d m f        of m      d f
 *     of w.u    B = sigmoid(w.u) d f - (h c.w) sigmoid(-w.u) / |w|^2
 *     of x      c + A w                        of b      A
 *     of u      h c + B w                      of w      A x + k h c + B u - 2 k h c.w / |w|^2 w.
 *
 * Source: Rezende and Mohamed, Variational inference with normalizing flows (2015), equations 10 to
 * 12, 22 and 23.
 * Max error: 0.5 ULP of each product, before the sums; the rest is in double, within 4 ULP of the
 * largest terms. For w = 0, v = u, and
 * the gradients of w and u are those for v = u held fixed.
 */
#ifndef FG_FLOW_RESIDUAL_PLANAR_H
#define FG_FLOW_RESIDUAL_PLANAR_H

#include "elementary/derivatives.h"

static inline void planar_products(real x, real w, real u, real b, real *wx, real *wu, real *ww,
                                   real *bias)
{
    *wx = w * x;
    *wu = w * u;
    *ww = w * w;
    *bias = b;
}

/* m, and 1 + m g as a sum of positive numbers. */
static inline real planar_slope(real wu, real ww, real flatness, real h, real *m)
{
    const real s = ww > 0 ? real_softplus(wu) : R(1.0);
    *m = s - 1;
    return mul_add(s, flatness, h * h);
}

static inline void planar_products_close(real n, real wx, real wu, real ww, real bias,
                                         real *logabsdet, real *h, real *k)
{
    real flatness, m; /* flatness: 1 - h^2 */
    *h = real_tanh_grad(wx + bias / n, &flatness);
    const real slope = planar_slope(wu, ww, flatness, *h, &m), change = m * flatness;
    const real near = real_log1p(change), far = real_log(slope);
    *k = ww > 0 ? (m - wu) / ww : 0;
    *logabsdet = n > 0 ? (change > R(-0.5) ? near : far) : 0;
}

static inline void planar(real x, real w, real u, real b, real logabsdet, real h, real k, real *y)
{
    (void)b, (void)logabsdet;
    *y = mul_add(mul_add(k, w, u), h, x);
}

/* The state: logabsdet, g, h, k, w.u and |w|^2. The closing of the next stage replaces g by the
 * gradient of b, w.u by the gradient of w.u, and |w|^2 by the factor of w in the gradient of w. */
static inline void planar_vjp_products_close(real n, real wx, real wu, real ww, real bias,
                                             real *logabsdet, real *flatness, real *h, real *k,
                                             real *dot, real *square)
{
    planar_products_close(n, wx, wu, ww, bias, logabsdet, h, k);
    real_tanh_grad(wx + bias / n, flatness);
    *dot = wu;
    *square = ww;
}

static inline void planar_vjp_cotangents(real x, real w, real u, real b, real d_y, real d_logabsdet,
                                         real *cu, real *cw, real *d)
{
    (void)x, (void)b;
    *cu = d_y * u;
    *cw = d_y * w;
    *d = d_logabsdet;
}

static inline void planar_vjp_close(real n, real cu, real cw, real d_sum, real *logabsdet,
                                    real *d_b, real *h, real *k, real *d_dot, real *along)
{
    const real wu = *d_dot, ww = *along, g = *d_b, rise = real_sigmoid(wu);
    real m;
    const real d = n > 0 ? d_sum / n : 0, f = g / planar_slope(wu, ww, g, *h, &m);
    (void)logabsdet;
    *d_b = (cu + *k * cw) * g - 2 * *h * d * m * f;
    *d_dot = ww > 0 ? mul_add(rise * d, f, -*h * cw * real_sigmoid(-wu) / ww) : 0;
    *along = ww > 0 ? -2 * *k * *h * cw / ww : 0;
}

static inline void planar_vjp(real x, real w, real u, real b, real d_y, real d_logabsdet,
                              real logabsdet, real d_b, real h, real k, real d_dot, real along,
                              real *y, real *d_x, real *d_w, real *d_u)
{
    (void)d_logabsdet;
    planar(x, w, u, b, logabsdet, h, k, y);
    *d_x = mul_add(d_b, w, d_y);
    *d_u = mul_add(d_dot, w, h * d_y);
    *d_w = mul_add(d_b, x, mul_add(k * h, d_y, mul_add(d_dot, u, along * w)));
}

#endif
