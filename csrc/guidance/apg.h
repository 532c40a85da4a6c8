/* apg: u + s (d_perp + eta d_par),   d = k (c - u + m a)   adaptive projected guidance, over a
 * sample.
 *
 * a is the running average of earlier steps; its next value is d' = c - u + m a. k = min(1, r /
 * |d'|) limits the length of the step to r. d_par is the part of d along c, which causes
 * oversaturation; d_perp is the rest. So the result is u + s k (d' - (1 - eta) (<d', c> / <c, c>)
 * c). r = inf limits nothing. A sample of c = 0 has no parallel part. Products are summed in
 * double.
 *
 * Source: Sadat et al., "Eliminating Oversaturation and Artifacts of High Guidance Scales in
 * Diffusion Models" (2024).
 * Max error: 8 ULP of the largest term. NaN gives a NaN sample.
 */
#ifndef FG_GUIDANCE_APG_H
#define FG_GUIDANCE_APG_H

#include "core/real.h"

static inline void apg_sums(double uncond, double cond, double scale, double average,
                            double momentum, double eta, double threshold, double *step_step,
                            double *step_cond, double *cond_cond)
{
    (void)scale;
    (void)eta;
    (void)threshold;
    double step = wide_mul_add(momentum, average, cond - uncond);
    *step_step = step * step;
    *step_cond = step * cond;
    *cond_cond = cond * cond;
}

static inline void apg_close(real n, real step_step, real step_cond, real cond_cond, real *length,
                             real *along)
{
    (void)n;
    *length = real_sqrt(step_step);
    *along = cond_cond == R(0.0) ? R(0.0) : step_cond / cond_cond;
}

static inline void apg(real uncond, real cond, real scale, real average, real momentum, real eta,
                       real threshold, real length, real along, real *result, real *new_average)
{
    real step = mul_add(momentum, average, cond - uncond);
    real limited = length > threshold ? threshold / length : R(1.0);
    real part = mul_add((eta - R(1.0)) * along, cond, step);
    *result = mul_add(scale * limited, part, uncond);
    *new_average = step;
}

#endif
