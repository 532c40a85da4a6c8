/* Normalizing flows: the operations, and the formula that each is. */
#include "core/tile.h"

#include "flow/additive_coupling.h"
#include "flow/affine_coupling.h"
#include "flow/batch_norm.h"
#include "flow/logabsdet_diagonal.h"

FG_FORMULA(logabsdet_diagonal, 1)

#define FLOW_MAPS(formula, inputs, with_cotangents)                                                \
    FG_MAP(formula, inputs, 2)                                                                     \
    FG_MAP(formula##_vjp, with_cotangents, with_cotangents)

FLOW_MAPS(additive_coupling, 3, 5)
FLOW_MAPS(additive_coupling_inverse, 3, 5)
FLOW_MAPS(batch_norm, 6, 8)
FLOW_MAPS(batch_norm_inverse, 6, 8)
FLOW_MAPS(affine_coupling_exp, 4, 6)
FLOW_MAPS(affine_coupling_sigmoid, 4, 6)
FLOW_MAPS(affine_coupling_softplus, 4, 6)
FLOW_MAPS(affine_coupling_tanh, 5, 7)
FLOW_MAPS(affine_coupling_soft_clip, 5, 7)
FLOW_MAPS(affine_coupling_inverse_exp, 4, 6)
FLOW_MAPS(affine_coupling_inverse_sigmoid, 4, 6)
FLOW_MAPS(affine_coupling_inverse_softplus, 4, 6)
FLOW_MAPS(affine_coupling_inverse_tanh, 5, 7)
FLOW_MAPS(affine_coupling_inverse_soft_clip, 5, 7)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(logabsdet_diagonal, "(n)->()"),
    FG_ROW_OF_MAPS(additive_coupling, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(additive_coupling_inverse, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(batch_norm, "(n),(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(batch_norm_inverse, "(n),(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_exp, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_sigmoid, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_softplus, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_tanh, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_soft_clip, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_exp, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_sigmoid, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_softplus, "(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_tanh, "(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(affine_coupling_inverse_soft_clip, "(n),(n),(n),(n),(n)->(n),()"),
    FG_LAST_ROW,
};
