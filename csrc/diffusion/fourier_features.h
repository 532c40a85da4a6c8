/* fourier_features(t, f) = sin(t f), cos(t f)   a time in the form that networks take.
 *
 * The angle t f is an exact product, in double also for float: its digits count where it is large.
 *
 * Source: Rahimi and Recht, Random features for large-scale kernel machines (2007).
 * Max error: 1 ULP of the larger of the result and 2^-47. |t f| > 2^20 and infinities give NaN.
 */
#ifndef FG_DIFFUSION_FOURIER_FEATURES_H
#define FG_DIFFUSION_FOURIER_FEATURES_H

#include "elementary/sine_cosine.h"

static inline void fourier_features(real t, real f, real *sine, real *cosine)
{
    wide_real s, c;
    sine_cosine(angle_of(t, f), &s, &c);
    *sine = (real)s;
    *cosine = (real)c;
}

static inline void fourier_features_vjp(real t, real f, real d_sine, real d_cosine, real *sine,
                                        real *cosine, real *d_t, real *d_f)
{
    wide_real s, c;
    sine_cosine(angle_of(t, f), &s, &c);
    const wide_real d_angle = (wide_real)d_sine * c - (wide_real)d_cosine * s;
    *sine = (real)s;
    *cosine = (real)c;
    *d_t = (real)((wide_real)f * d_angle);
    *d_f = (real)((wide_real)t * d_angle);
}

#endif
