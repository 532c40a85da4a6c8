/* Normalizing flows: the operations, and the formula that each is. */
#include "core/tile.h"

#include "flow/logabsdet_diagonal.h"

FG_FORMULA(logabsdet_diagonal, 1)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(logabsdet_diagonal, "(n)->()"),
    FG_LAST_ROW,
};
