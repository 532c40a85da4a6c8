/* JS(p, q) of p = softmax(a), q = softmax(b): the sum over a row of 1/2 (p + q) g(tanh(delta / 2)),
 * delta = log p - log q, with the g of js_parts.h, since (p - q) / (p + q) = tanh(delta / 2).
 *
 * Every term depends on delta. So delta must keep its digits as q approaches p, also if b = a +
 * constant. With alpha = a - max a and beta = b - max b, whose rounding errors are corrected,
 *     delta = d - E,   d = alpha - beta,   E = log(S / T) = 2 atanh((S - T) / (S + T)).
 * S and T are the sums of e^alpha and e^beta. S - T is the sum of (e^alpha + e^beta) tanh(d / 2).
 * So no two nearly equal inexact numbers are subtracted. An exchange of a and b changes signs
 * alone, so the result is symmetric to the last bit. It is +0 for equal logits.
 *
 * Stages: the largest logits; the sums; the terms. The derivative is in
 * js_divergence_from_logits_vjp.h.
 *
 * Max error: 6 ULP of the result. A logit of -inf is a probability of 0. A row of -inf alone gives
 * NaN, and so does NaN. Logits of inf have equal probabilities, and all others 0.
 * Source: Lin (1991), Divergence measures based on the Shannon entropy.
 */
#ifndef FG_GAN_JS_DIVERGENCE_FROM_LOGITS_H
#define FG_GAN_JS_DIVERGENCE_FROM_LOGITS_H

#include "core/difference.h"
#include "elementary/exp.h"
#include "elementary/log1p.h"
#include "elementary/tanh.h"
#include "gan/js_divergence.h"

static inline void js_logits_max(real a, real b, real *largest_a, real *largest_b)
{
    *largest_a = a;
    *largest_b = b;
}

/* If all logits are -inf, they define no distribution. */
static inline void js_logits_max_close(real n, real a, real b, real *largest_a, real *largest_b)
{
    (void)n;
    *largest_a = a == -REAL_INFINITY ? REAL_NAN : a;
    *largest_b = b == -REAL_INFINITY ? REAL_NAN : b;
}

/* x - largest, and its rounding error. */
static inline __attribute__((always_inline)) real js_logits_below(real x, real largest, real *lost)
{
    real d = x - largest, error = difference_error(x, largest, d);
    *lost = error == error ? error : R(0.0);
    return x == largest ? R(0.0) : d;
}

/* e^alpha, e^beta and d. If both probabilities are 0, d = 0. */
static inline __attribute__((always_inline)) real js_logits_weights(real a, real b, real largest_a,
                                                                    real largest_b, real *of_a,
                                                                    real *of_b)
{
    real lost_a, lost_b;
    real alpha = js_logits_below(a, largest_a, &lost_a);
    real beta = js_logits_below(b, largest_b, &lost_b);
    real power_a = real_exp(alpha), power_b = real_exp(beta);
    *of_a = corrected(power_a, lost_a, power_a);
    *of_b = corrected(power_b, lost_b, power_b);
    real d = alpha - beta, lost = difference_error(alpha, beta, d) + (lost_a - lost_b);
    real sum = d + lost;
    d = lost == lost ? sum : d;
    return real_max(alpha, beta) == -REAL_INFINITY ? R(0.0) : d;
}

static inline __attribute__((always_inline)) void js_logits_sums(real a, real b, real largest_a,
                                                                 real largest_b, real *of_a,
                                                                 real *of_b, real *difference)
{
    real d = js_logits_weights(a, b, largest_a, largest_b, of_a, of_b);
    *difference = (*of_a + *of_b) * real_tanh(R(0.5) * d);
}

static inline void js_logits_sums_close(real n, real of_a, real of_b, real difference,
                                        real *largest_a, real *largest_b, real *e, real *scale_a,
                                        real *scale_b)
{
    (void)n;
    (void)largest_a;
    (void)largest_b;
    real ratio = difference / (of_a + of_b);
    *e = real_log1p(ratio) - real_log1p(-ratio);
    *scale_a = R(1.0) / of_a;
    *scale_b = R(1.0) / of_b;
}

/* p, q and tanh(delta / 2). */
static inline __attribute__((always_inline)) real js_logits_parts(real a, real b, real largest_a,
                                                                  real largest_b, real e,
                                                                  real scale_a, real scale_b,
                                                                  real *p, real *q)
{
    real d = js_logits_weights(a, b, largest_a, largest_b, p, q);
    *p *= scale_a;
    *q *= scale_b;
    return real_tanh(R(0.5) * (d - e));
}

static inline __attribute__((always_inline)) real js_logits_term(real p, real q, real t)
{
    real near = R(0.5) * (p + q) * (t * t) * js_series(t * t);
    return real_abs(t) < R(0.5) ? near : js_divergence(p, q);
}

static inline void js_divergence_from_logits(real a, real b, real largest_a, real largest_b, real e,
                                             real scale_a, real scale_b, real *term)
{
    real p, q;
    real t = js_logits_parts(a, b, largest_a, largest_b, e, scale_a, scale_b, &p, &q);
    *term = js_logits_term(p, q, t);
}

static inline void js_divergence_from_logits_close(real n, real total, real *value)
{
    (void)n;
    *value = total;
}

#endif
