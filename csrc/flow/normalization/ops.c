/* Batch normalization as a layer of a flow. */
#include "core/tile.h"

#include "flow/normalization/batch_norm.h"
#include "flow/transform.h"

FLOW_MAPS(batch_norm, 6, 8)
FLOW_MAPS(batch_norm_inverse, 6, 8)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW_OF_MAPS(batch_norm, "(n),(n),(n),(n),(n),(n)->(n),()"),
    FG_ROW_OF_MAPS(batch_norm_inverse, "(n),(n),(n),(n),(n),(n)->(n),()"),
    FG_LAST_ROW,
};
