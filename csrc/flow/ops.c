/* Normalizing flows: the operations, and the formula that each is. */
#include "core/lanes.h"
#include "core/tile.h"

#include "flow/additive_coupling.h"
#include "flow/affine_coupling.h"
#include "flow/batch_norm.h"
#include "flow/cubic_vjp_lanes.h"
#include "flow/exp.h"
#include "flow/leaky_relu.h"
#include "flow/linear_vjp_lanes.h"
#include "flow/log_prob.h"
#include "flow/logabsdet_diagonal.h"
#include "flow/logit.h"
#include "flow/planar.h"
#include "flow/power.h"
#include "flow/quadratic_vjp_lanes.h"
#include "flow/radial.h"
#include "flow/rational_quadratic_vjp_lanes.h"
#include "flow/sigmoid.h"
#include "flow/slogdet.h"
#include "flow/slogdet_diagonal.h"
#include "flow/soft_clip.h"
#include "flow/softplus.h"
#include "flow/tanh.h"

#define FLOW_MAPS(formula, inputs, with_cotangents)                                                \
    FG_MAP(formula, inputs, 2)                                                                     \
    FG_MAP(formula##_vjp, with_cotangents, with_cotangents)

FLOW_MAPS(additive_coupling, 3, 5)
FLOW_MAPS(additive_coupling_inverse, 3, 5)
FLOW_MAPS(batch_norm, 6, 8)
FLOW_MAPS(batch_norm_inverse, 6, 8)
FLOW_MAPS(affine_coupling_exp, 4, 6)
FLOW_MAPS(affine_coupling_sigmoid, 4, 6)
FLOW_MAPS(affine_coupling_softplus, 5, 7)
FLOW_MAPS(affine_coupling_tanh, 5, 7)
FLOW_MAPS(affine_coupling_soft_clip, 5, 7)
FLOW_MAPS(affine_coupling_inverse_exp, 4, 6)
FLOW_MAPS(affine_coupling_inverse_sigmoid, 4, 6)
FLOW_MAPS(affine_coupling_inverse_softplus, 5, 7)
FLOW_MAPS(affine_coupling_inverse_tanh, 5, 7)
FLOW_MAPS(affine_coupling_inverse_soft_clip, 5, 7)

FLOW_MAPS(flow_exp, 1, 3)
FLOW_MAPS(flow_exp_inverse, 1, 3)
FLOW_MAPS(flow_sigmoid, 1, 3)
FLOW_MAPS(flow_sigmoid_inverse, 1, 3)
FLOW_MAPS(flow_logit, 2, 4)
FLOW_MAPS(flow_logit_inverse, 2, 4)
FLOW_MAPS(flow_tanh, 1, 3)
FLOW_MAPS(flow_tanh_inverse, 1, 3)
FLOW_MAPS(flow_softplus, 1, 3)
FLOW_MAPS(flow_softplus_inverse, 1, 3)
FLOW_MAPS(flow_leaky_relu, 2, 4)
FLOW_MAPS(flow_leaky_relu_inverse, 2, 4)
FLOW_MAPS(flow_power, 2, 4)
FLOW_MAPS(flow_power_inverse, 2, 4)
FLOW_MAPS(flow_soft_clip, 2, 4)
FLOW_MAPS(flow_soft_clip_inverse, 2, 4)

FG_MAP(log_prob, 2, 2)
FG_CLOSE(log_prob_close, 2, 1)
static const fg_stage log_prob_stages[] = {
    FG_STAGE(log_prob, 0, 2, FG_SUM, log_prob_close),
    FG_LAST_STAGE,
};
FG_MAP(log_prob_vjp, 3, 4)
FG_CLOSE(log_prob_vjp_close, 3, 2)
static const fg_stage log_prob_vjp_stages[] = {
    FG_STAGE(log_prob_vjp, 0, 3, FG_SUM, log_prob_vjp_close),
    FG_LAST_STAGE,
};

FG_FORMULA(logabsdet_element, 1)
FG_MAP(logabsdet_diagonal, 1, 1)
FG_CLOSE(logabsdet_diagonal_close, 1, 1)
static const fg_stage logabsdet_diagonal_stages[] = {
    FG_STAGE(logabsdet_diagonal, 0, 1, FG_LOG_PRODUCT, logabsdet_diagonal_close),
    FG_LAST_STAGE,
};
FG_MAP(logabsdet_diagonal_vjp, 2, 2)
static const fg_stage logabsdet_diagonal_vjp_stages[] = {
    FG_STAGE(logabsdet_diagonal_vjp, 0, 1, FG_LOG_PRODUCT, logabsdet_diagonal_close),
    FG_LAST_STAGE,
};

FG_MAP(slogdet_diagonal, 1, 2)
FG_CLOSE(slogdet_diagonal_close, 2, 2)
static const fg_stage slogdet_diagonal_stages[] = {
    FG_STAGE(slogdet_diagonal, 0, 2, FG_LOG_PRODUCT, slogdet_diagonal_close),
    FG_LAST_STAGE,
};
FG_MAP(slogdet_diagonal_vjp, 3, 3)
static const fg_stage slogdet_diagonal_vjp_stages[] = {
    FG_STAGE(slogdet_diagonal_vjp, 0, 2, FG_LOG_PRODUCT, slogdet_diagonal_close),
    FG_LAST_STAGE,
};

FG_MAP(planar_products, 4, 4)
FG_CLOSE(planar_products_close, 4, 3)
FG_MAP(planar, 7, 1)
static const fg_stage planar_stages[] = {
    FG_STAGE(planar_products, 0, 4, FG_SUM, planar_products_close),
    FG_OUTPUTS(planar, 3),
    FG_LAST_STAGE,
};
FG_MAP(planar_vjp_products, 6, 4)
FG_CLOSE(planar_vjp_products_close, 4, 6)
FG_MAP(planar_vjp_cotangents, 6, 3)
FG_CLOSE(planar_vjp_close, 3, 6)
FG_MAP(planar_vjp, 12, 4)
static const fg_stage planar_vjp_stages[] = {
    FG_STAGE(planar_vjp_products, 0, 4, FG_SUM, planar_vjp_products_close),
    FG_STAGE(planar_vjp_cotangents, 0, 3, FG_SUM, planar_vjp_close),
    FG_OUTPUTS(planar_vjp, 6),
    FG_LAST_STAGE,
};

FG_MAP(radial_distance, 4, 3)
FG_CLOSE(radial_distance_close, 3, 2)
FG_MAP(radial, 6, 1)
static const fg_stage radial_stages[] = {
    FG_STAGE(radial_distance, 0, 3, FG_SUM, radial_distance_close),
    FG_OUTPUTS(radial, 2),
    FG_LAST_STAGE,
};
FG_MAP(radial_vjp_distance, 6, 3)
FG_CLOSE(radial_vjp_distance_close, 3, 5)
FG_MAP(radial_vjp_cotangents, 6, 2)
FG_CLOSE(radial_vjp_close, 2, 5)
FG_MAP(radial_vjp, 11, 3)
static const fg_stage radial_vjp_stages[] = {
    FG_STAGE(radial_vjp_distance, 0, 3, FG_SUM, radial_vjp_distance_close),
    FG_STAGE(radial_vjp_cotangents, 0, 2, FG_SUM, radial_vjp_close),
    FG_OUTPUTS(radial_vjp, 5),
    FG_LAST_STAGE,
};

/* C has its own exp and tanh, so the formulas of bijectors have a prefix, and their rows have not.
 */
#define FLOW_ROW(name, inputs)                                                                     \
    FG_ROW_OF(name, inputs "->(n),()", map, flow_##name##_map, flow_##name##_vjp_map)
/* The options: bound 1, and nflows' minimal sizes and slope. */
#define NFLOWS_SPLINE 1, 1e-3, 1e-3, 1e-3

extern FG_ROWS;
FG_ROWS = {
    {"logabsdet_diagonal",
     "(n)->()",
     {.map = logabsdet_element_value, .stages = logabsdet_diagonal_stages},
     {.map = logabsdet_element_derivative, .stages = logabsdet_diagonal_vjp_stages}},
    FG_ROW_OF_STAGES(slogdet_diagonal, "(n)->(),()"),
    FG_ROW_OF_STAGES(log_prob, "(n),()->()"),
    FG_ROW_OF_STAGES(planar, "(n),(n),(n),()->(n),()"),
    FG_ROW_OF_STAGES(radial, "(n),(n),(),()->(n),()"),
    FG_ROW_OF_MAPS(additive_coupling, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(additive_coupling_inverse, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(batch_norm, "(n),(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(batch_norm_inverse, "(n),(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_exp, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_sigmoid, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_softplus, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_tanh, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_soft_clip, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_exp, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_sigmoid, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_softplus, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_tanh, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_soft_clip, "(n),(n),(n),(n),(n)->(n),()"),
    FLOW_ROW(exp, "(n)"),
    FLOW_ROW(exp_inverse, "(n)"),
    FLOW_ROW(sigmoid, "(n)"),
    FLOW_ROW(sigmoid_inverse, "(n)"),
    FLOW_ROW(logit, "(n),(n)"),
    FLOW_ROW(logit_inverse, "(n),(n)"),
    FLOW_ROW(tanh, "(n)"),
    FLOW_ROW(tanh_inverse, "(n)"),
    FLOW_ROW(softplus, "(n)"),
    FLOW_ROW(softplus_inverse, "(n)"),
    FLOW_ROW(leaky_relu, "(n),(n)"),
    FLOW_ROW(leaky_relu_inverse, "(n),(n)"),
    FLOW_ROW(power, "(n),(n)"),
    FLOW_ROW(power_inverse, "(n),(n)"),
    FLOW_ROW(soft_clip, "(n),(n)"),
    FLOW_ROW(soft_clip_inverse, "(n),(n)"),
    FG_ROW_OF_REAL_LANES(rational_quadratic_spline, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(rational_quadratic_spline_inverse, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(linear_spline, "(),(k)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(linear_spline_inverse, "(),(k)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(quadratic_spline, "(),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(quadratic_spline_inverse, "(),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(cubic_spline, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(cubic_spline_inverse, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_LANES(slogdet, "(d,d)->(),()", 0),
    FG_LAST_ROW,
};
