/* y = x + shift, log|dy/dx| = 0, of one element of a row.
 *
 * The inverse subtracts. Elements with mask > 1/2 do not change.
 *
 * Source: Dinh, Krueger and Bengio, NICE (2015), equation 8.
 * Max error: 0.5 ULP (float and double).
 */
#ifndef FG_FLOW_COUPLINGS_ADDITIVE_COUPLING_H
#define FG_FLOW_COUPLINGS_ADDITIVE_COUPLING_H

#include "flow/couplings/coupling_mask.h"

static inline void additive_coupling(real x, real shift, real mask, real *y, real *logabsdet)
{
    *y = real_select_by(kept(mask), x, x + shift);
    *logabsdet = 0;
}

static inline void additive_coupling_vjp(real x, real shift, real mask, real d_y, real d_logabsdet,
                                         real *y, real *logabsdet, real *d_x, real *d_shift,
                                         real *d_mask)
{
    (void)d_logabsdet;
    additive_coupling(x, shift, mask, y, logabsdet);
    *d_x = d_y;
    *d_shift = real_select_by(kept(mask), R(0.0), d_y);
    *d_mask = 0;
}

static inline void additive_coupling_inverse(real y, real shift, real mask, real *x,
                                             real *logabsdet)
{
    additive_coupling(y, -shift, mask, x, logabsdet);
}

static inline void additive_coupling_inverse_vjp(real y, real shift, real mask, real d_x,
                                                 real d_logabsdet, real *x, real *logabsdet,
                                                 real *d_y, real *d_shift, real *d_mask)
{
    additive_coupling_vjp(y, -shift, mask, d_x, d_logabsdet, x, logabsdet, d_y, d_shift, d_mask);
    *d_shift = -*d_shift;
}

#endif
