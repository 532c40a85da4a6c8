/* combine(b, p1, s1, p2, s2, ...) = b + s1 (p1 - b) + s2 (p2 - b) + ...   one element.
 *
 * Any number of conditions with one base prediction: composed prompts, skip-layer and
 * perturbed-attention guidance, a weaker model. Differences are computed first, as in cfg.h.
 * combine_2 and combine_3 take that many predictions. combine_more adds one prediction to a sum.
 *
 * Source: Liu et al., "Compositional Visual Generation with Composable Diffusion Models" (2022).
 * Max error: 2 ULP of |b| + |s1 (p1 - b)| + ..., 3 ULP for three predictions. NaN gives NaN.
 */
#ifndef FG_GUIDANCE_COMBINE_H
#define FG_GUIDANCE_COMBINE_H

#include "core/real.h"

static inline real combine_more(real sum, real base, real prediction, real scale)
{
    return mul_add(scale, prediction - base, sum);
}

static inline real combine_more_grad(real sum, real base, real prediction, real scale, real *d_sum,
                                     real *d_base, real *d_prediction, real *d_scale)
{
    *d_sum = R(1.0);
    *d_base = -scale;
    *d_prediction = scale;
    *d_scale = prediction - base;
    return combine_more(sum, base, prediction, scale);
}

static inline real combine_2(real base, real p1, real p2, real s1, real s2)
{
    return combine_more(combine_more(base, base, p1, s1), base, p2, s2);
}

static inline real combine_2_grad(real base, real p1, real p2, real s1, real s2, real *d_base,
                                  real *d_p1, real *d_p2, real *d_s1, real *d_s2)
{
    *d_base = R(1.0) - (s1 + s2);
    *d_p1 = s1;
    *d_p2 = s2;
    *d_s1 = p1 - base;
    *d_s2 = p2 - base;
    return combine_2(base, p1, p2, s1, s2);
}

static inline real combine_3(real base, real p1, real p2, real p3, real s1, real s2, real s3)
{
    return combine_more(combine_2(base, p1, p2, s1, s2), base, p3, s3);
}

static inline real combine_3_grad(real base, real p1, real p2, real p3, real s1, real s2, real s3,
                                  real *d_base, real *d_p1, real *d_p2, real *d_p3, real *d_s1,
                                  real *d_s2, real *d_s3)
{
    *d_base = R(1.0) - ((s1 + s2) + s3);
    *d_p1 = s1;
    *d_p2 = s2;
    *d_p3 = s3;
    *d_s1 = p1 - base;
    *d_s2 = p2 - base;
    *d_s3 = p3 - base;
    return combine_3(base, p1, p2, p3, s1, s2, s3);
}

#endif
