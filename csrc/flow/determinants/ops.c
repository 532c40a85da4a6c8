/* Log-determinants of matrices and of diagonals. */
#include "core/lanes.h"
#include "core/tile.h"

#include "flow/determinants/logabsdet_diagonal.h"
#include "flow/determinants/slogdet.h"
#include "flow/determinants/slogdet_diagonal.h"

FG_FORMULA(logabsdet_element, 1)
FG_MAP(logabsdet_diagonal, 1, 1)
FG_CLOSE(logabsdet_diagonal_close, 1, 1)
static const fg_stage logabsdet_diagonal_stages[] = {
    FG_STAGE(logabsdet_diagonal, 0, FG_LOG_PRODUCT, logabsdet_diagonal_close),
    FG_LAST_STAGE,
};
FG_MAP(logabsdet_diagonal_vjp, 2, 2)
static const fg_stage logabsdet_diagonal_vjp_stages[] = {
    FG_STAGE(logabsdet_diagonal_vjp, 0, FG_LOG_PRODUCT, logabsdet_diagonal_close),
    FG_LAST_STAGE,
};

FG_MAP(slogdet_diagonal, 1, 2)
FG_CLOSE(slogdet_diagonal_close, 2, 2)
static const fg_stage slogdet_diagonal_stages[] = {
    FG_STAGE(slogdet_diagonal, 0, FG_LOG_PRODUCT, slogdet_diagonal_close),
    FG_LAST_STAGE,
};
FG_MAP(slogdet_diagonal_vjp, 3, 3)
static const fg_stage slogdet_diagonal_vjp_stages[] = {
    FG_STAGE(slogdet_diagonal_vjp, 0, FG_LOG_PRODUCT, slogdet_diagonal_close),
    FG_LAST_STAGE,
};

extern FG_ROWS;
FG_ROWS = {
    {"logabsdet_diagonal",
     "(n)->()",
     {.stages = logabsdet_diagonal_stages, .element_stages = FG_ONE_STAGE(logabsdet_element_value)},
     {.stages = logabsdet_diagonal_vjp_stages,
      .element_stages = FG_ONE_STAGE(logabsdet_element_derivative)}},
    FG_ROW_OF_STAGES(slogdet_diagonal, "(n)->(),()"),
    FG_ROW_OF_LANES(slogdet, "(d,d)->(),()", 0),
    FG_LAST_ROW,
};
