/* The derivative of js_divergence_from_logits. With
 *     u = 1/2 log(1 + tanh(delta / 2)),   v = 1/2 log(1 - tanh(delta / 2)),
 * the gradients are p (u - sum p u) and q (v - sum q v).
 *
 * Max error: 8 ULP of p (|u| + sum p |u|) and of q (|v| + sum q |v|).
 */
#ifndef FG_GAN_JS_DIVERGENCE_FROM_LOGITS_VJP_H
#define FG_GAN_JS_DIVERGENCE_FROM_LOGITS_VJP_H

#include "elementary/log.h"
#include "gan/js_divergence_from_logits.h"

/* The stages take a cotangent. The last stage alone uses it. */

/* u and v. For p = 0, u is set to 0, because p u must be 0; likewise v for q = 0. */
static inline __attribute__((always_inline)) void js_logits_slopes(real p, real q, real t, real *u,
                                                                   real *v)
{
    real small = real_min(p, q), far = real_log((small + small) / (p + q));
    real of_large = R(0.5) * real_log1p(real_abs(t));
    real of_small = R(0.5) * (real_abs(t) < R(0.5) ? real_log1p(-real_abs(t)) : far);
    *u = t > 0 ? of_large : of_small;
    *v = t > 0 ? of_small : of_large;
    *u = p == 0 ? R(0.0) : *u;
    *v = q == 0 ? R(0.0) : *v;
}

static inline void js_logits_vjp_terms(real a, real b, real cotangent, real largest_a,
                                       real largest_b, real e, real scale_a, real scale_b,
                                       real *term, real *mean_u, real *mean_v)
{
    (void)cotangent;
    real p, q, u, v;
    real t = js_logits_parts(a, b, largest_a, largest_b, e, scale_a, scale_b, &p, &q);
    js_logits_slopes(p, q, t, &u, &v);
    *term = js_logits_term(p, q, t);
    *mean_u = p * u;
    *mean_v = q * v;
}

/* The result, the value, goes to the first place of the state. The earlier state moves one place
 * on. */
static inline void js_logits_vjp_terms_close(real n, real total, real mean_u, real mean_v,
                                             real *largest_a, real *largest_b, real *e,
                                             real *scale_a, real *scale_b, real *s5, real *s6,
                                             real *s7)
{
    (void)n;
    *s5 = *scale_b;
    *scale_b = *scale_a;
    *scale_a = *e;
    *e = *largest_b;
    *largest_b = *largest_a;
    *largest_a = total;
    *s6 = mean_u;
    *s7 = mean_v;
}

static inline void js_logits_vjp(real a, real b, real cotangent, real value, real largest_a,
                                 real largest_b, real e, real scale_a, real scale_b, real mean_u,
                                 real mean_v, real *d_a, real *d_b)
{
    (void)value;
    real p, q, u, v;
    real t = js_logits_parts(a, b, largest_a, largest_b, e, scale_a, scale_b, &p, &q);
    js_logits_slopes(p, q, t, &u, &v);
    *d_a = cotangent * (p * (u - mean_u));
    *d_b = cotangent * (q * (v - mean_v));
}

#endif
