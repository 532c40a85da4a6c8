/* Variational autoencoders: the operations, and the formula that each is. */
#include "core/tile.h"

#include "vae/gaussian_nll.h"
#include "vae/kl_diag_normal.h"
#include "vae/kl_standard_normal.h"

FG_FORMULA(kl_standard_normal, 2)
FG_FORMULA(kl_diag_normal, 4)
FG_FORMULA(gaussian_nll, 3)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(kl_standard_normal, "(n),(n)->()"),
    FG_ROW(kl_diag_normal, "(n),(n),(n),(n)->()"),
    FG_ROW(gaussian_nll, "(n),(n),(n)->()"),
    FG_LAST_ROW,
};
