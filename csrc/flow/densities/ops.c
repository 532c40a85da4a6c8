/* The density of a flow's samples. */
#include "core/tile.h"

#include "flow/densities/log_prob.h"

FG_MAP(log_prob, 2, 2)
FG_CLOSE(log_prob_close, 2, 1)
static const fg_stage log_prob_stages[] = {
    FG_STAGE(log_prob, 0, FG_SUM, log_prob_close),
    FG_LAST_STAGE,
};
FG_MAP(log_prob_vjp, 3, 4)
FG_CLOSE(log_prob_vjp_close, 3, 2)
static const fg_stage log_prob_vjp_stages[] = {
    FG_STAGE(log_prob_vjp, 0, FG_SUM, log_prob_vjp_close),
    FG_LAST_STAGE,
};

extern FG_ROWS;
FG_ROWS = {
    FG_ROW_OF_STAGES(log_prob, "(n),()->()"),
    FG_LAST_ROW,
};
