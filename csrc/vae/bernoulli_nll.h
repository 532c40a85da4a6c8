/* -log of the Bernoulli probability of x at logits l = softplus(l) - x l
 *     = log(1 + e^-|l|) + |l| c,  c = 1 - x where l > 0, else x.
 *
 * For x in [0, 1] both terms are >= 0, so nothing cancels and nothing overflows. (softplus(l) - l
 * would cancel at x = 1.) The gradient sigmoid(l) - x is computed from sigmoid(-|l|) and c for the
 * same reason.
 *
 * Source: Kingma and Welling (2014), appendix C.1, of logits.
 * Max error: 3 ULP (float and double), before the sum.
 * For |l| = inf, a right prediction (c = 0) gives 0, and a wrong one +inf. x outside of [0, 1]
 * gives NaN, in both derivatives too: pixels from 0 to 255 would make a likelihood above 1.
 */
#ifndef FG_VAE_BERNOULLI_NLL_H
#define FG_VAE_BERNOULLI_NLL_H

#include "elementary/sigmoid.h"
#include "elementary/softplus.h"

/* c, or NaN where x is outside of [0, 1] */
static inline real bernoulli_nll_off(real x, real logits)
{
    const real c = logits > 0 ? 1 - x : x;
    return real_min(x, 1 - x) >= 0 ? c : REAL_NAN;
}

static inline real bernoulli_nll(real x, real logits)
{
    const real c = bernoulli_nll_off(x, logits);
    return softplus_above(c == 0 ? 0 : real_abs(logits) * c, logits);
}

static inline real bernoulli_nll_grad(real x, real logits, real *d_x, real *d_logits)
{
    const real c = bernoulli_nll_off(x, logits);
    const real wrong = sigmoid_below(-real_abs(logits)) - c;
    *d_x = c == c ? -logits : c;
    *d_logits = logits > 0 ? -wrong : wrong;
    return bernoulli_nll(x, logits);
}

#endif
