/* Generative adversarial networks: the rows, and the formula of each. */
#include "core/fold.h"
#include "core/tile.h"

#include "gan/f_divergence_jeffreys.h"
#include "gan/f_divergence_jensen_shannon.h"
#include "gan/f_divergence_kl.h"
#include "gan/f_divergence_neyman.h"
#include "gan/f_divergence_pearson.h"
#include "gan/f_divergence_reverse_kl.h"
#include "gan/f_divergence_squared_hellinger.h"
#include "gan/f_divergence_total_variation.h"
#include "gan/f_divergence_triangular.h"
#include "gan/hinge_loss.h"
#include "gan/js_divergence.h"
#include "gan/js_divergence_from_logits_vjp.h"
#include "gan/logistic_loss.h"
#include "gan/optimal_discriminator.h"
#include "gan/relativistic_loss.h"
#include "gan/squared_loss.h"

FG_FORMULA(js_divergence, 2)
FG_FORMULA(optimal_discriminator, 2)
FG_FORMULA(f_divergence_jeffreys, 1)
FG_FORMULA(f_divergence_jensen_shannon, 1)
FG_FORMULA(f_divergence_kl, 1)
FG_FORMULA(f_divergence_neyman, 1)
FG_FORMULA(f_divergence_pearson, 1)
FG_FORMULA(f_divergence_reverse_kl, 1)
FG_FORMULA(f_divergence_squared_hellinger, 1)
FG_FORMULA(f_divergence_total_variation, 1)
FG_FORMULA(f_divergence_triangular, 1)
FG_FORMULA(logistic_loss, 2)
FG_FORMULA(hinge_loss, 2)
FG_FORMULA(squared_loss, 2)
FG_FORMULA(relativistic_loss, 2)

FG_FOLD(logistic_loss, 2)
FG_FOLD(hinge_loss, 2)
FG_FOLD(squared_loss, 2)

FG_MAP(js_logits_max, 2, 2)
FG_CLOSE(js_logits_max_close, 2, 2)
FG_MAP(js_logits_sums, 4, 3)
FG_CLOSE(js_logits_sums_close, 3, 5)
FG_MAP(js_divergence_from_logits, 7, 1)
FG_CLOSE(js_divergence_from_logits_close, 1, 1)
static const fg_stage js_divergence_from_logits_stages[] = {
    FG_STAGE(js_logits_max, 0, FG_MAX, js_logits_max_close),
    FG_STAGE(js_logits_sums, 2, FG_SUM, js_logits_sums_close),
    FG_STAGE(js_divergence_from_logits, 5, FG_SUM, js_divergence_from_logits_close),
    FG_LAST_STAGE,
};
FG_MAP(js_logits_vjp_terms, 8, 3)
FG_CLOSE(js_logits_vjp_terms_close, 3, 8)
FG_MAP(js_logits_vjp, 11, 2)
static const fg_stage js_divergence_from_logits_vjp_stages[] = {
    FG_STAGE(js_logits_max, 0, FG_MAX, js_logits_max_close),
    FG_STAGE(js_logits_sums, 2, FG_SUM, js_logits_sums_close),
    FG_STAGE(js_logits_vjp_terms, 5, FG_SUM, js_logits_vjp_terms_close),
    FG_OUTPUTS(js_logits_vjp, 8),
    FG_LAST_STAGE,
};

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(js_divergence, "(n),(n)->()"),
    FG_ROW(f_divergence_jeffreys, "()->()"),
    FG_ROW(f_divergence_jensen_shannon, "()->()"),
    FG_ROW(f_divergence_kl, "()->()"),
    FG_ROW(f_divergence_neyman, "()->()"),
    FG_ROW(f_divergence_pearson, "()->()"),
    FG_ROW(f_divergence_reverse_kl, "()->()"),
    FG_ROW(f_divergence_squared_hellinger, "()->()"),
    FG_ROW(f_divergence_total_variation, "()->()"),
    FG_ROW(f_divergence_triangular, "()->()"),
    FG_ROW(optimal_discriminator, "(),()->()"),
    FG_FOLDED_ROW(logistic_loss, "(n),(n)->()"),
    FG_FOLDED_ROW(hinge_loss, "(n),(n)->()"),
    FG_FOLDED_ROW(squared_loss, "(n),(n)->()"),
    FG_ROW(relativistic_loss, "(n),(n)->()"),
    FG_ROW_OF_STAGES(js_divergence_from_logits, "(n),(n)->()"),
    FG_LAST_ROW,
};
