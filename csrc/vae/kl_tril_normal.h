/* KL(N(mu_q, Q Q^T) || N(mu_p, P P^T)) of lower triangular Q, P with positive diagonals
 *     = 1/2 (|E|^2 + |w|^2) + sum_i (E_ii - log(1 + E_ii)),
 *       E = P^-1 (Q - P),  w = P^-1 (mu_q - mu_p).
 *
 * The usual 1/2 (|P^-1 Q|^2 - d + |w|^2) - sum_i log(Q_ii / P_ii) cancels as q approaches p. Here E
 * is solved for from Q - P, and every term is >= 0. The diagonal of E follows from those of Q and P
 * alone. Exactly +0 for equal arguments.
 *
 * Derivative: with G = E below the diagonal and (1 + t) - 1/(1 + t) = t (2 + t) / (1 + t) on it,
 * t = E_ii, and A = P^-T G, g = P^-T w: dQ = tril A, dP = -tril(A (I + E)^T + g w^T), d mu_q = g.
 *
 * Source: Kullback (1959), chapter 9, in Cholesky factors, regrouped around the identity.
 * Max error: float 1 ULP, up to condition numbers of 1e6; double 7 ULP for d = 2, of the same sum
 * of |P^-1| |Q - P| and |P^-1| |mu_q - mu_p|: solving with P may amplify errors so much.
 * A negative diagonal element gives NaN; one that is 0 in Q or P alone gives +inf or NaN.
 */
#ifndef FG_VAE_KL_TRIL_NORMAL_H
#define FG_VAE_KL_TRIL_NORMAL_H

#include "core/lanes.h"
#include "vae/scale_ratio.h"

/* Overwrites Q by E, mu_q by w, and the diagonal of P by its inverse. For each t = E_ii, adds t^2 /
 * 2 + t - log(1 + t) to kl and writes (1 + t) - 1/(1 + t) to slope[i]. */
static void kl_tril_normal_solve(ptrdiff_t d, lanes *mu_q, lanes *q, const lanes *mu_p, lanes *p,
                                 lanes *restrict slope, lanes *restrict kl)
{
    for (ptrdiff_t i = 0; i < d; i++) {
        lanes *restrict row = q + i * d, *restrict p_row = p + i * d;
        EACH_LANE(l) {
            real base, t_lo, inverse_ratio;
            const real inverse = inverse_scale(row[i][l], p_row[i][l]);
            const real ratio = scale_ratio(row[i][l], p_row[i][l], inverse, &base, &t_lo);
            const real excess = ratio_excess(ratio, base, &inverse_ratio);
            const real t = corrected(ratio + (base - R(1.0)), t_lo, R(1.0));
            slope[i][l] = standardized(t, (t + R(2.0)) / (t + R(1.0)));
            (*kl)[l] += mul_add(R(0.5) * t, t, corrected(excess, t_lo, R(1.0) - inverse_ratio));
            p_row[i][l] = inverse;
            row[i][l] = t;
            mu_q[i][l] -= mu_p[i][l];
        }
        for (ptrdiff_t j = 0; j < i; j++)
            EACH_LANE(l)
                row[j][l] -= p_row[j][l];
        for (ptrdiff_t k = 0; k < i; k++) {
            subtract_multiple(row, &p_row[k], q + k * d, 1, k + 1);
            subtract_multiple(&mu_q[i], &p_row[k], &mu_q[k], 1, 1);
        }
        for (ptrdiff_t j = 0; j < i; j++)
            EACH_LANE(l) {
                row[j][l] = standardized(row[j][l], p_row[i][l]);
                (*kl)[l] = mul_add(R(0.5) * row[j][l], row[j][l], (*kl)[l]);
            }
        EACH_LANE(l) {
            mu_q[i][l] = standardized(mu_q[i][l], p_row[i][l]);
            (*kl)[l] = mul_add(R(0.5) * mu_q[i][l], mu_q[i][l], (*kl)[l]);
        }
    }
}

FG_LANE_OPERANDS(kl_tril_normal_lanes, 4, 1);
static void kl_tril_normal_lanes(const ptrdiff_t *size, const double *options, void *const *operand,
                                 void *scratch)
{
    lanes *const kl = (lanes *)operand[4];
    (void)options;
    EACH_LANE(l)
        (*kl)[l] = 0;
    kl_tril_normal_solve(size[0], (lanes *)operand[0], (lanes *)operand[1], (lanes *)operand[2],
                         (lanes *)operand[3], (lanes *)scratch, kl);
}

/* Row i of P^-T x, in place, after the rows below it. The diagonal of P holds its inverse. */
static void kl_tril_normal_back(ptrdiff_t d, ptrdiff_t i, lanes *x, ptrdiff_t stride, ptrdiff_t n,
                                const lanes *p)
{
    lanes *restrict row = x + i * stride;
    for (ptrdiff_t m = i + 1; m < d; m++)
        subtract_multiple(row, &p[m * d + i], x + m * stride, 1, n);
    for (ptrdiff_t j = 0; j < n; j++)
        EACH_LANE(l)
            row[j][l] = standardized(row[j][l], p[i * d + i][l]);
}

FG_LANE_OPERANDS(kl_tril_normal_vjp_lanes, 5, 5);
static void kl_tril_normal_vjp_lanes(const ptrdiff_t *size, const double *options,
                                     void *const *operand, void *scratch)
{
    const ptrdiff_t d = size[0];
    lanes *const w = (lanes *)operand[0], *const e = (lanes *)operand[1],
                 *const p = (lanes *)operand[3];
    lanes *const d_mu_q = (lanes *)operand[6], *const d_q = (lanes *)operand[7],
                 *const d_mu_p = (lanes *)operand[8], *const d_p = (lanes *)operand[9],
                 *const slope = (lanes *)scratch;
    const lanes *const cotangent = (lanes *)operand[4];
    void *const inputs_and_value[] = {operand[0], operand[1], operand[2], operand[3], operand[5]};
    kl_tril_normal_lanes(size, options, inputs_and_value, scratch);
    for (ptrdiff_t i = d - 1; i >= 0; i--) {
        lanes *restrict row = d_q + i * d, *restrict p_row = d_p + i * d;
        for (ptrdiff_t j = 0; j < d; j++)
            EACH_LANE(l) {
                const real m = j < i ? e[i * d + j][l] : j == i ? slope[i][l] : R(0.0);
                row[j][l] = (*cotangent)[l] * m;
            }
        EACH_LANE(l)
            d_mu_q[i][l] = (*cotangent)[l] * w[i][l];
        kl_tril_normal_back(d, i, d_q, d, i + 1, p);
        kl_tril_normal_back(d, i, d_mu_q, 1, 1, p);
        for (ptrdiff_t j = 0; j < d; j++)
            EACH_LANE(l)
                p_row[j][l] = -row[j][l];
        for (ptrdiff_t k = 0; k <= i; k++)
            subtract_multiple(p_row + k, &row[k], e + k * d + k, d, i + 1 - k);
        subtract_multiple(p_row, &d_mu_q[i], w, 1, i + 1);
        EACH_LANE(l)
            d_mu_p[i][l] = -d_mu_q[i][l];
    }
}

#endif
