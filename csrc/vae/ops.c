/* Variational autoencoders: the rows, and the formula of each. */
#include "core/fold.h"
#include "core/lanes.h"
#include "core/tile.h"

#include "vae/bernoulli_nll.h"
#include "vae/discretized_gaussian_nll.h"
#include "vae/gaussian_nll.h"
#include "vae/iwae_bound.h"
#include "vae/kl_bernoulli.h"
#include "vae/kl_categorical_vjp.h"
#include "vae/kl_diag_normal.h"
#include "vae/kl_diag_normal_sigma.h"
#include "vae/kl_laplace.h"
#include "vae/kl_standard_normal.h"
#include "vae/kl_tril_normal.h"
#include "vae/mixture_log_prob.h"
#include "vae/sample_diag_normal.h"
#include "vae/scaled_mixture_log_prob.h"
#include "vae/squared_mahalanobis.h"
#include "vae/standard_normal_log_prob.h"

FG_FORMULA(kl_standard_normal, 2)
FG_FORMULA(kl_diag_normal, 4)
FG_FORMULA(kl_diag_normal_sigma, 4)
FG_FORMULA(kl_laplace, 4)
FG_FORMULA(kl_bernoulli, 2)
FG_FORMULA(gaussian_nll, 3)
FG_FORMULA(bernoulli_nll, 2)
FG_FORMULA(discretized_gaussian_nll, 4)
FG_FORMULA(standard_normal_log_prob, 1)
FG_FORMULA(squared_mahalanobis, 3)
FG_FORMULA(sample_diag_normal, 3)
FG_MAP(sample_diag_normal_with_log_prob, 3, 2)
FG_MAP(sample_diag_normal_with_log_prob_vjp, 5, 5)

FG_MAP(logsumexp_max, 1, 1)
FG_FOLD_LARGEST(logsumexp_max)
FG_CLOSE(logsumexp_max_close, 1, 1)
FG_MAP(logsumexp_sum, 2, 1)
FG_FOLD_SUM(logsumexp_sum, 2)
FG_CLOSE(iwae_bound_short_cut_close, 1, 3)
FG_MAP(iwae_bound_sums, 2, 2)
FG_CLOSE(iwae_bound_close, 2, 3)
static const fg_stage iwae_bound_stages[] = {
    FG_FOLDED(logsumexp_max, 0, FG_MAX, logsumexp_max_close),
    FG_SHORT_CUT(logsumexp_sum, 1, iwae_bound_short_cut_close, 2),
    FG_FOLDED(logsumexp_max, 0, FG_MAX, logsumexp_max_close),
    FG_STAGE(iwae_bound_sums, 1, FG_SUM, iwae_bound_close),
    FG_LAST_STAGE,
};
FG_MAP(logsumexp_vjp, 5, 1)
static const fg_stage iwae_bound_vjp_stages[] = {
    FG_FOLDED(logsumexp_max, 0, FG_MAX, logsumexp_max_close),
    FG_SHORT_CUT(logsumexp_sum, 1, iwae_bound_short_cut_close, 2),
    FG_FOLDED(logsumexp_max, 0, FG_MAX, logsumexp_max_close),
    FG_STAGE(iwae_bound_sums, 1, FG_SUM, iwae_bound_close),
    FG_OUTPUTS(logsumexp_vjp, 3),
    FG_LAST_STAGE,
};

FG_MAP(kl_categorical_peaks, 2, 2)
FG_CLOSE(kl_categorical_peaks_close, 2, 2)
FG_MAP(kl_categorical_sums, 4, 2)
FG_CLOSE(kl_categorical_sums_close, 2, 6)
FG_MAP(kl_categorical_terms, 8, 1)
FG_CLOSE(kl_categorical_close, 1, 1)
static const fg_stage kl_categorical_stages[] = {
    FG_STAGE(kl_categorical_peaks, 0, FG_MAX, kl_categorical_peaks_close),
    FG_STAGE(kl_categorical_sums, 2, FG_SUM, kl_categorical_sums_close),
    FG_STAGE(kl_categorical_terms, 6, FG_SUM, kl_categorical_close),
    FG_LAST_STAGE,
};
FG_CLOSE(kl_categorical_vjp_close, 1, 7)
FG_MAP(kl_categorical_vjp, 10, 2)
static const fg_stage kl_categorical_vjp_stages[] = {
    FG_STAGE(kl_categorical_peaks, 0, FG_MAX, kl_categorical_peaks_close),
    FG_STAGE(kl_categorical_sums, 2, FG_SUM, kl_categorical_sums_close),
    FG_STAGE(kl_categorical_terms, 6, FG_SUM, kl_categorical_vjp_close),
    FG_OUTPUTS(kl_categorical_vjp, 7),
    FG_LAST_STAGE,
};

FG_MAP(mixture_log_prob_peak, 3, 1)
FG_MAP(mixture_log_prob_sum, 4, 1)
FG_CLOSE(mixture_log_prob_close, 1, 3)
static const fg_stage mixture_log_prob_stages[] = {
    FG_STAGE(mixture_log_prob_peak, 0, FG_MAX, logsumexp_max_close),
    FG_STAGE(mixture_log_prob_sum, 1, FG_SUM, mixture_log_prob_close),
    FG_LAST_STAGE,
};
FG_MAP(mixture_log_prob_vjp, 7, 3)
FG_CLOSE(mixture_log_prob_vjp_close, 1, 2)
static const fg_stage mixture_log_prob_vjp_stages[] = {
    FG_STAGE(mixture_log_prob_peak, 0, FG_MAX, logsumexp_max_close),
    FG_STAGE(mixture_log_prob_sum, 1, FG_SUM, mixture_log_prob_close),
    FG_STAGE(mixture_log_prob_vjp, 3, FG_SUM, mixture_log_prob_vjp_close),
    FG_LAST_STAGE,
};

FG_CLOSE(logsumexp_sum_close, 1, 3)
FG_MAP(scaled_mixture_log_prob_peak, 4, 1)
FG_MAP(scaled_mixture_log_prob_sum, 5, 1)
static const fg_stage scaled_mixture_log_prob_stages[] = {
    FG_STAGE(scaled_mixture_log_prob_peak, 0, FG_MAX, logsumexp_max_close),
    FG_STAGE(scaled_mixture_log_prob_sum, 1, FG_SUM, logsumexp_sum_close),
    FG_LAST_STAGE,
};
FG_MAP(scaled_mixture_log_prob_vjp, 8, 4)
static const fg_stage scaled_mixture_log_prob_vjp_stages[] = {
    FG_STAGE(scaled_mixture_log_prob_peak, 0, FG_MAX, logsumexp_max_close),
    FG_STAGE(scaled_mixture_log_prob_sum, 1, FG_SUM, logsumexp_sum_close),
    FG_STAGE(scaled_mixture_log_prob_vjp, 3, FG_SUM, mixture_log_prob_vjp_close),
    FG_LAST_STAGE,
};

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(kl_standard_normal, "(n),(n)->()"),
    FG_ROW(kl_diag_normal, "(n),(n),(n),(n)->()"),
    FG_ROW(kl_diag_normal_sigma, "(n),(n),(n),(n)->()"),
    FG_ROW(kl_laplace, "(n),(n),(n),(n)->()"),
    FG_ROW(kl_bernoulli, "(n),(n)->()"),
    FG_ROW_OF_STAGES(kl_categorical, "(n),(n)->()"),
    FG_ROW_OF_STAGES(iwae_bound, "(n)->()"),
    FG_ROW_OF_STAGES(mixture_log_prob, "(),(n),(n)->()"),
    FG_ROW_OF_STAGES(scaled_mixture_log_prob, "(),(n),(n),(n)->()"),
    FG_ROW(squared_mahalanobis, "(n),(n),(n)->()"),
    FG_ROW(gaussian_nll, "(n),(n),(n)->()"),
    FG_ROW(bernoulli_nll, "(n),(n)->()"),
    FG_ROW(discretized_gaussian_nll, "(n),(n),(n),()->()"),
    FG_ROW(standard_normal_log_prob, "(n)->()"),
    FG_ROW(sample_diag_normal, "(),(),()->()"),
    FG_ROW_OF_MAPS(sample_diag_normal_with_log_prob, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_LANES(kl_tril_normal, "(d),(d,d),(d),(d,d)->()", 0),
    FG_LAST_ROW,
};
