/* Elementary functions: the words of every other formula, as operations of their own. */
#include "core/fold.h"
#include "core/tile.h"

#include "elementary/derivatives.h"
#include "elementary/squared_norm.h"
#include "elementary/total.h"

FG_FORMULA(real_exp, 1)
FG_FORMULA(real_expm1, 1)
FG_FORMULA(real_expm1_minus_x, 1)
FG_FORMULA(real_log, 1)
FG_FORMULA(real_log1p, 1)
FG_FORMULA(real_log_ndtr, 1)
FG_FORMULA(real_ndtr, 1)
FG_FORMULA(real_sigmoid, 1)
FG_FORMULA(real_softplus, 1)
FG_FORMULA(real_tanh, 1)
FG_FORMULA(real_x_minus_log1p, 1)
FG_FORMULA(squared_norm, 1)
FG_FORMULA(total, 1)

FG_FOLD(squared_norm, 1)
FG_FOLD(total, 1)

/* C has its own exp, so the formula is real_exp, and the operation exp. */
#define ELEMENTARY_ROW(name)                                                                       \
    {                                                                                              \
        #name, "()->()", {.map = real_##name##_value},                                             \
        {                                                                                          \
            .map = real_##name##_derivative                                                        \
        }                                                                                          \
    }

extern FG_ROWS;
/* clang-format off */
FG_ROWS = {
    ELEMENTARY_ROW(exp),
    ELEMENTARY_ROW(expm1),
    ELEMENTARY_ROW(expm1_minus_x),
    ELEMENTARY_ROW(log),
    ELEMENTARY_ROW(log1p),
    ELEMENTARY_ROW(log_ndtr),
    ELEMENTARY_ROW(ndtr),
    ELEMENTARY_ROW(sigmoid),
    ELEMENTARY_ROW(softplus),
    ELEMENTARY_ROW(tanh),
    ELEMENTARY_ROW(x_minus_log1p),
    FG_FOLDED_ROW(squared_norm, "(n)->()"),
    FG_FOLDED_ROW(total, "(n)->()"),
    FG_LAST_ROW,
};
/* clang-format on */
