/* Diffusion, score and flow matching: the operations, and the formula that each is. */
#include "core/tile.h"

#include "diffusion/denoising_score_matching.h"
#include "diffusion/gaussian_score.h"
#include "diffusion/langevin_update.h"
#include "diffusion/linear_combination.h"
#include "diffusion/linear_interpolation.h"
#include "diffusion/noised.h"
#include "diffusion/sliced_score_matching.h"
#include "diffusion/transition_kl.h"

FG_FORMULA(linear_combination, 4)
FG_MAP(linear_interpolation, 3, 2)
FG_MAP(linear_interpolation_vjp, 5, 5)
FG_MAP(noised, 4, 2)
FG_MAP(noised_vjp, 6, 6)
FG_FORMULA(denoising_score_matching, 4)
FG_FORMULA(sliced_score_matching, 3)
FG_FORMULA(transition_kl, 5)
FG_FORMULA(gaussian_score, 3)
FG_FORMULA(langevin_update, 4)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(linear_combination, "(n),(n),(),()->(n)"),
    FG_ROW_OF_MAPS(linear_interpolation, "(n),(n),()->(n),(n)"),
    FG_ROW_OF_MAPS(noised, "(n),(n),(),()->(n),(n)"),
    FG_ROW(denoising_score_matching, "(n),(n),(),()->()"),
    FG_ROW(sliced_score_matching, "(n),(n),(n)->()"),
    FG_ROW(transition_kl, "(n),(n),(n),(),()->()"),
    FG_ROW(gaussian_score, "(),(),()->()"),
    FG_ROW(langevin_update, "(n),(n),(n),()->(n)"),
    FG_LAST_ROW,
};
