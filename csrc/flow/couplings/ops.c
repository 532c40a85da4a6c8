/* Couplings: a network gives the scale and the shift of x. */
#include "core/tile.h"

#include "flow/couplings/additive_coupling.h"
#include "flow/couplings/affine_coupling.h"
#include "flow/transform.h"

FLOW_MAPS(additive_coupling, 3, 5)
FLOW_MAPS(additive_coupling_inverse, 3, 5)
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

extern FG_ROWS;
FG_ROWS = {
    FG_ROW_OF_MAPS(additive_coupling, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(additive_coupling_inverse, "(n),(n),(n)->(n),()"),
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
    FG_LAST_ROW,
};
