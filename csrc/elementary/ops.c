/* Elementary functions. Other formulas use them; here each is an operation of its own. */
#include "core/fold.h"
#include "core/tile.h"

#include "elementary/derivatives.h"
#include "elementary/lerp.h"
#include "elementary/logsumexp.h"
#include "elementary/norm.h"
#include "elementary/squared_norm.h"
#include "elementary/total.h"

FG_FORMULA(real_exp, 1)
FG_FORMULA(real_expm1, 1)
FG_FORMULA(real_expm1_minus_x, 1)
FG_FORMULA(real_log, 1)
FG_FORMULA(real_log1p, 1)
FG_FORMULA(real_log_ndtr, 1)
FG_FORMULA(real_ndtr, 1)
FG_FORMULA(real_sigmoid, 1)
FG_FORMULA(real_softplus, 1)
FG_FORMULA(real_tanh, 1)
FG_FORMULA(real_x_minus_log1p, 1)
FG_FORMULA(lerp, 3)
FG_STEADY_FORMULA(lerp, 3, 2)
FG_FORMULA(squared_norm, 1)
FG_FORMULA(total, 1)

FG_FOLD(squared_norm, 1)
FG_FOLD(total, 1)
FG_MAP(logsumexp_max, 1, 1)
FG_FOLD_LARGEST(logsumexp_max)
FG_CLOSE(logsumexp_max_close, 1, 1)
FG_MAP(logsumexp_sum, 2, 1)
FG_FOLD_SUM(logsumexp_sum, 2)
FG_CLOSE(logsumexp_sum_close, 1, 3)
static const fg_stage logsumexp_stages[] = {
    FG_FOLDED(logsumexp_max, 0, FG_MAX, logsumexp_max_close),
    FG_FOLDED(logsumexp_sum, 1, FG_SUM, logsumexp_sum_close),
    FG_LAST_STAGE,
};
FG_MAP(logsumexp_vjp, 5, 1)
static const fg_stage logsumexp_vjp_stages[] = {
    FG_FOLDED(logsumexp_max, 0, FG_MAX, logsumexp_max_close),
    FG_FOLDED(logsumexp_sum, 1, FG_SUM, logsumexp_sum_close),
    FG_OUTPUTS(logsumexp_vjp, 3),
    FG_LAST_STAGE,
};

FG_MAP(norm_unscaled, 1, 1)
FG_FOLD_SUM(norm_unscaled, 1)
FG_CLOSE(norm_short_cut_close, 1, 3)
FG_MAP(norm_largest, 1, 1)
FG_CLOSE(norm_largest_close, 1, 1)
FG_MAP(norm_square, 2, 1)
FG_CLOSE(norm_square_close, 1, 3)
static const fg_stage norm_stages[] = {
    FG_SHORT_CUT(norm_unscaled, 0, norm_short_cut_close, 2),
    FG_STAGE(norm_largest, 0, FG_MAX, norm_largest_close),
    FG_STAGE(norm_square, 1, FG_SUM, norm_square_close),
    FG_LAST_STAGE,
};
FG_MAP(norm_vjp, 5, 1)
static const fg_stage norm_vjp_stages[] = {
    FG_SHORT_CUT(norm_unscaled, 0, norm_short_cut_close, 2),
    FG_STAGE(norm_largest, 0, FG_MAX, norm_largest_close),
    FG_STAGE(norm_square, 1, FG_SUM, norm_square_close),
    FG_OUTPUTS(norm_vjp, 3),
    FG_LAST_STAGE,
};

/* C has a function exp of its own, so the formula is named real_exp, and the operation exp. */
#define ELEMENTARY_ROW(name)                                                                       \
    FG_ROW_OF(name, "()->()", real_##name##_value, real_##name##_derivative)

extern FG_ROWS;
/* clang-format off */
FG_ROWS = {
    ELEMENTARY_ROW(exp),
    ELEMENTARY_ROW(expm1),
    ELEMENTARY_ROW(expm1_minus_x),
    ELEMENTARY_ROW(log),
    ELEMENTARY_ROW(log1p),
    ELEMENTARY_ROW(log_ndtr),
    ELEMENTARY_ROW(ndtr),
    ELEMENTARY_ROW(sigmoid),
    ELEMENTARY_ROW(softplus),
    ELEMENTARY_ROW(tanh),
    ELEMENTARY_ROW(x_minus_log1p),
    FG_STEADY_ROW(lerp, "(n),(n),()->(n)"),
    FG_FOLDED_ROW(squared_norm, "(n)->()"),
    FG_FOLDED_ROW(total, "(n)->()"),
    FG_ROW_OF_STAGES(logsumexp, "(n)->()"),
    FG_ROW_OF_STAGES(norm, "(n)->()"),
    FG_LAST_ROW,
};
/* clang-format on */
