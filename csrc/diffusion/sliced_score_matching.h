/* 1/2 s^2 + v j, of an element: the variance-reduced objective of sliced score matching.
 *
 * s is the score, v a random direction, and j = (ds/dx) v the derivative of the score along v,
 * which automatic differentiation gives in one forward pass. If v has unit covariance, the
 * expectation of the sum over a row is 1/2 |s|^2 + tr(ds/dx).
 *
 * Source: Song, Garg, Shi and Ermon, Sliced Score Matching (2019), eq. 8.
 * Max error: 2 ULP (float and double) of the larger term, before the sum over the row.
 */
#ifndef FG_DIFFUSION_SLICED_SCORE_MATCHING_H
#define FG_DIFFUSION_SLICED_SCORE_MATCHING_H

#include "core/real.h"

static inline real sliced_score_matching(real score, real direction, real jvp)
{
    return mul_add(direction, jvp, R(0.5) * score * score);
}

static inline real sliced_score_matching_grad(real score, real direction, real jvp, real *d_score,
                                              real *d_direction, real *d_jvp)
{
    *d_score = score;
    *d_direction = jvp;
    *d_jvp = direction;
    return sliced_score_matching(score, direction, jvp);
}

#endif
