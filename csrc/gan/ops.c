/* Generative adversarial networks: the operations, and the formula that each is. */
#include "core/tile.h"

#include "gan/js_divergence.h"

FG_FORMULA(js_divergence, 2)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(js_divergence, "(n),(n)->()"),
    FG_LAST_ROW,
};
