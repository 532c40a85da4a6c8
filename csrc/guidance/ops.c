/* Guidance of diffusion models: the rows, and the formula of each. */
#include "core/sums.h"
#include "core/tile.h"

#include "guidance/apg.h"
#include "guidance/cfg.h"
#include "guidance/cfg_rescale.h"
#include "guidance/cfg_zero_star.h"
#include "guidance/classifier.h"
#include "guidance/combine.h"
#include "guidance/deviation_ratio.h"
#include "guidance/magnitude_aware.h"
#include "guidance/perp_neg.h"
#include "guidance/scale_to_limit.h"
#include "guidance/tangential.h"

FG_FORMULA(cfg, 3)
FG_FORMULA(classifier_epsilon, 4)
FG_STEADY_FORMULA(classifier_epsilon, 4, 2)
FG_FORMULA(classifier_mean, 4)
FG_STEADY_FORMULA(classifier_mean, 4, 3)
FG_FORMULA(combine_2, 5)
FG_STEADY_FORMULA(combine_2, 5, 3)
FG_FORMULA(combine_3, 7)
FG_STEADY_FORMULA(combine_3, 7, 4)
FG_FORMULA(combine_more, 4)
FG_STEADY_FORMULA(combine_more, 4, 3)
FG_FORMULA(scale_to_limit, 2)
FG_STEADY_FORMULA(scale_to_limit, 2, 1)

FG_SUMS(cfg_rescale_sums, 4, 4, 0x3, 2)
FG_CLOSE(cfg_rescale_sums_close, 2, 2)
FG_SUMS(cfg_rescale_squares, 6, 4, 0x3, 2)
FG_CLOSE(cfg_rescale_squares_close, 2, 1)
FG_MAP(cfg_rescale, 5, 1)
static const fg_stage cfg_rescale_stages[] = {
    FG_SUMMED(cfg_rescale_sums, 0, cfg_rescale_sums_close),
    FG_SUMMED(cfg_rescale_squares, 2, cfg_rescale_squares_close),
    FG_OUTPUTS(cfg_rescale, 1),
    FG_LAST_STAGE,
};
FG_SUMS(cfg_rescale_vjp_squares, 7, 5, 0x13, 3)
FG_CLOSE(cfg_rescale_vjp_squares_close, 3, 6)
FG_MAP(cfg_rescale_vjp, 10, 4)
FG_CLOSE(cfg_rescale_vjp_close, 1, 6)
static const fg_stage cfg_rescale_vjp_stages[] = {
    FG_SUMMED(cfg_rescale_sums, 0, cfg_rescale_sums_close),
    FG_SUMMED(cfg_rescale_vjp_squares, 2, cfg_rescale_vjp_squares_close),
    FG_STAGE(cfg_rescale_vjp, 5, FG_SUM, cfg_rescale_vjp_close),
    FG_LAST_STAGE,
};
FG_SUMS(deviation_ratio_sums, 3, 3, 0x3, 2)
FG_SUMS(deviation_ratio_squares, 5, 3, 0x3, 2)
static const fg_stage deviation_ratio_stages[] = {
    FG_SUMMED(deviation_ratio_sums, 0, cfg_rescale_sums_close),
    FG_SUMMED(deviation_ratio_squares, 2, cfg_rescale_squares_close),
    FG_LAST_STAGE,
};
FG_CLOSE(deviation_ratio_vjp_squares_close, 2, 5)
FG_MAP(deviation_ratio_vjp, 9, 3)
FG_CLOSE(deviation_ratio_vjp_close, 1, 3)
static const fg_stage deviation_ratio_vjp_stages[] = {
    FG_SUMMED(deviation_ratio_sums, 0, cfg_rescale_sums_close),
    FG_SUMMED(deviation_ratio_squares, 2, deviation_ratio_vjp_squares_close),
    FG_STAGE(deviation_ratio_vjp, 5, FG_SUM, deviation_ratio_vjp_close),
    FG_LAST_STAGE,
};

/* Two stages: sums over the sample, which give a direction, and the step. */
#define GUIDANCE(formula, inputs, arrays, sums, states, with_states, outputs)                      \
    FG_SUMS(formula##_sums, inputs, inputs, arrays, sums)                                          \
    FG_CLOSE(formula##_close, sums, states)                                                        \
    FG_MAP(formula, with_states, outputs)                                                          \
    static const fg_stage formula##_stages[] = {                                                   \
        FG_SUMMED(formula##_sums, 0, formula##_close),                                             \
        FG_OUTPUTS(formula, states),                                                               \
        FG_LAST_STAGE,                                                                             \
    };
GUIDANCE(apg, 7, 0xB, 3, 2, 9, 2)
GUIDANCE(cfg_zero_star, 3, 0x3, 2, 1, 4, 1)
GUIDANCE(magnitude_aware, 4, 0x3, 2, 1, 5, 1)
GUIDANCE(perp_neg, 5, 0x7, 2, 1, 6, 1)
GUIDANCE(tangential, 3, 0x3, 6, 2, 5, 1)

/* The same with the cotangent, and then the gradients of the scales as sums. */
#define GUIDANCE_VJP(formula, inputs, arrays, sums, states, with_states, outputs, scales)          \
    FG_SUMS(formula##_vjp_sums, inputs, inputs, arrays, sums)                                      \
    FG_CLOSE(formula##_vjp_sums_close, sums, states)                                               \
    FG_MAP(formula##_vjp, with_states, outputs)                                                    \
    FG_CLOSE(formula##_vjp_close, scales, scales)                                                  \
    static const fg_stage formula##_vjp_stages[] = {                                               \
        FG_SUMMED(formula##_vjp_sums, 0, formula##_vjp_sums_close),                                \
        FG_STAGE(formula##_vjp, states, FG_SUM, formula##_vjp_close),                              \
        FG_LAST_STAGE,                                                                             \
    };
GUIDANCE_VJP(cfg_zero_star, 4, 0xB, 3, 2, 6, 4, 1)
GUIDANCE_VJP(magnitude_aware, 5, 0x13, 3, 3, 8, 5, 2)
GUIDANCE_VJP(perp_neg, 6, 0x27, 3, 2, 8, 6, 2)
GUIDANCE_VJP(tangential, 4, 0xB, 8, 4, 8, 4, 1)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(cfg, "(n),(n),()->(n)"),
    FG_STEADY_ROW(combine_2, "(n),(n),(n),(),()->(n)"),
    FG_STEADY_ROW(combine_3, "(n),(n),(n),(n),(),(),()->(n)"),
    FG_STEADY_ROW(combine_more, "(n),(n),(n),()->(n)"),
    FG_ROW_OF_STAGES(cfg_rescale, "(n),(n),(),()->(n)"),
    FG_ROW_OF_STAGES(deviation_ratio, "(n),(n),()->()"),
    FG_ROW_OF_STAGES(cfg_zero_star, "(n),(n),()->(n)"),
    FG_ROW_OF_VALUE(apg, "(n),(n),(),(n),(),(),()->(n),(n)"),
    FG_ROW_OF_STAGES(perp_neg, "(n),(n),(n),(),()->(n)"),
    FG_ROW_OF_STAGES(tangential, "(n),(n),()->(n)"),
    FG_ROW_OF_STAGES(magnitude_aware, "(n),(n),(),()->(n)"),
    FG_STEADY_ROW(classifier_mean, "(n),(n),(n),()->(n)"),
    FG_STEADY_ROW(classifier_epsilon, "(n),(n),(),()->(n)"),
    FG_STEADY_ROW(scale_to_limit, "(n),()->(n)"),
    FG_LAST_ROW,
};
