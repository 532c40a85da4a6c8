/* KL(softmax(a) || softmax(b)) = sum of q_i (e^d_i - 1 - d_i),  d_i = log p_i - log q_i
 *     = (b_i - a_i) - (B - A) - D,  D = log(sum e^(b_i - B) / sum e^(a_i - A)),
 * where q = softmax(a), p = softmax(b), and A and B are the largest logits of a and b.
 *
 * The sum of q_i d_i cancels as q approaches p. The terms here are all >= 0; the sum is the same,
 * since the sum of q_i e^d_i is 1. Three stages:
 *     1. A and B
 *     2. the sum S of e^(a_i - A), and the sum of e^(b_i - B) - e^(a_i - A), which gives D without
 *        cancellation
 *     3. the terms
 * (b_i - a_i) - (B - A) is exact if all logits have a common offset; otherwise its rounding error
 * is corrected.
 *
 * Source: Banerjee et al. (2005), Clustering with Bregman divergences, of logits.
 * Max error: 4 ULP (float and double).
 * Exactly +0 for equal logits. A logit of -inf is a probability of 0. If p alone has it, the result
 * is +inf; if q has it, the term is p_i. A logit of +inf gives NaN; so does a row q of -inf alone.
 */
#ifndef FG_VAE_KL_CATEGORICAL_H
#define FG_VAE_KL_CATEGORICAL_H

#include "core/difference.h"
#include "elementary/exp_below.h"
#include "elementary/expm1.h"
#include "elementary/expm1_given.h"
#include "elementary/expm1_minus_x.h"
#include "elementary/log1p.h"

/* (b - a) - (B - A) and its rounding error; -inf where b is -inf, +inf where a is -inf. */
static inline real kl_categorical_apart(real a, real b, real peak_a, real peak_b, real *lost)
{
    const real d = b - a, peaks = peak_b - peak_a, apart = d - peaks;
    const real rest = difference_error(d, peaks, apart) + difference_error(b, a, d) -
                      difference_error(peak_b, peak_a, peaks);
    *lost = real_abs(d) < REAL_INFINITY ? rest : R(0.0);
    return apart;
}

static inline void kl_categorical_peaks(real a, real b, real *largest_a, real *largest_b)
{
    *largest_a = a;
    *largest_b = b;
}

static inline void kl_categorical_peaks_close(real n, real largest_a, real largest_b, real *peak_a,
                                              real *peak_b)
{
    (void)n;
    *peak_a = largest_a;
    *peak_b = largest_b;
}

/* e^(a - A), and e^(b - B) - e^(a - A) */
static inline void kl_categorical_sums(real a, real b, real peak_a, real peak_b, real *sum,
                                       real *difference)
{
    real lost;
    const real apart = kl_categorical_apart(a, b, peak_a, peak_b, &lost);
    const real weight = exp_below(a, peak_a);
    const real below = exp_below(b, peak_b) - weight;
    const real expm1 = real_expm1(apart);
    *sum = weight;
    *difference = real_abs(apart) < 1 ? weight * mul_add(lost, expm1 + 1, expm1) : below;
}

/* The state: A, B, D in two parts (the first fits in a float), 1/S, and 1 / sum e^(b_i - B). */
static inline void kl_categorical_sums_close(real n, real sum, real difference, real *peak_a,
                                             real *peak_b, real *log_ratio, real *log_ratio_lo,
                                             real *inverse_q, real *inverse_p)
{
    (void)n, (void)peak_a, (void)peak_b;
    const real d = real_log1p(difference / sum);
    const real_bits low = ((real_bits)1 << (REAL_MANTISSA_BITS - 23)) - 1;
    *log_ratio = real_of_bits(bits_of(d) & ~low);
    *log_ratio_lo = real_abs(d) < REAL_INFINITY ? d - *log_ratio : R(0.0);
    *inverse_q = 1 / sum;
    *inverse_p = 1 / (sum + difference);
}

/* q and p of one class, log p - log q, and q (e^d - 1 - d), where d = *apart. */
static inline real kl_categorical_term(real a, real b, real peak_a, real peak_b, real log_ratio,
                                       real log_ratio_lo, real inverse_q, real inverse_p, real *q,
                                       real *p, real *apart)
{
    real lost;
    const real far = kl_categorical_apart(a, b, peak_a, peak_b, &lost);
    const real ratio = log_ratio + log_ratio_lo; /* in double the whole D, in float its first part
                                                  */
    const real ratio_lo = log_ratio_lo - (ratio - log_ratio), x = far - ratio;
    const real rest = lost + (difference_error(far, ratio, x) - ratio_lo);
    const real x_lo = real_abs(far) < REAL_INFINITY ? rest : R(0.0);
    *q = exp_below(a, peak_a) * inverse_q;
    *p = exp_below(b, peak_b) * inverse_p;
    *apart = x + x_lo;
    const real excess = real_expm1_minus_x(x);
    const real near = *q * corrected(excess, x_lo, excess + x);
    const real beyond = *p - (a == -REAL_INFINITY ? R(0.0) : mul_add(*q, *apart, *q));
    const real term = x > 2 ? beyond : near;
    const real impossible = a == -REAL_INFINITY ? R(0.0) : REAL_INFINITY;
    return b == -REAL_INFINITY ? impossible : term;
}

static inline void kl_categorical_terms(real a, real b, real peak_a, real peak_b, real log_ratio,
                                        real log_ratio_lo, real inverse_q, real inverse_p,
                                        real *term)
{
    real q, p, d;
    *term = kl_categorical_term(a, b, peak_a, peak_b, log_ratio, log_ratio_lo, inverse_q, inverse_p,
                                &q, &p, &d);
}

/* The value overwrites A in the state. */
static inline void kl_categorical_close(real n, real total, real *value)
{
    (void)n;
    *value = total;
}

#endif
