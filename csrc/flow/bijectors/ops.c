/* Elementwise bijectors. They give y, and the sum of log|dy/dx| over the row. */
#include "core/tile.h"

#include "flow/bijectors/exp.h"
#include "flow/bijectors/leaky_relu.h"
#include "flow/bijectors/logit.h"
#include "flow/bijectors/power.h"
#include "flow/bijectors/sigmoid.h"
#include "flow/bijectors/soft_clip.h"
#include "flow/bijectors/softplus.h"
#include "flow/bijectors/tanh.h"
#include "flow/transform.h"

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

/* C has functions exp and tanh of its own, so the formulas have a prefix. The rows have none. */
#define FLOW_ROW(name, inputs)                                                                     \
    FG_ROW_OF(name, inputs "->(n),()", flow_##name##_map, flow_##name##_vjp_map)

extern FG_ROWS;
FG_ROWS = {
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
    FG_LAST_ROW,
};
