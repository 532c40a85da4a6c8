/* Diffusion, score and flow matching: the rows, and the formula of each. */
#include "core/tile.h"

#include "diffusion/bridge_point.h"
#include "diffusion/denoising_score_matching.h"
#include "diffusion/fourier_features.h"
#include "diffusion/gaussian_score.h"
#include "diffusion/guided_combination.h"
#include "diffusion/guided_step_vjp.h"
#include "diffusion/langevin_update.h"
#include "diffusion/linear_combination.h"
#include "diffusion/linear_interpolation.h"
#include "diffusion/noised.h"
#include "diffusion/path_point.h"
#include "diffusion/sliced_score_matching.h"
#include "diffusion/solver_step_vjp.h"
#include "diffusion/transition_kl.h"

FG_FORMULA(linear_combination, 4)
FG_STEADY_FORMULA(linear_combination, 4, 2)
FG_MAP(linear_interpolation, 3, 2)
FG_STEADY_MAP(linear_interpolation, 3, 2, 2)
FG_MAP(linear_interpolation_vjp, 5, 5)
FG_MAP(noised, 4, 2)
FG_STEADY_MAP(noised, 4, 2, 2)
FG_MAP(noised_vjp, 6, 6)
FG_MAP(path_point, 6, 2)
FG_STEADY_MAP(path_point, 6, 2, 2)
FG_MAP(path_point_vjp, 8, 8)
FG_MAP(bridge_point, 9, 2)
FG_STEADY_MAP(bridge_point, 9, 2, 3)
FG_MAP(bridge_point_vjp, 11, 11)
FG_FORMULA(denoising_score_matching, 4)
FG_FORMULA(sliced_score_matching, 3)
FG_FORMULA(transition_kl, 5)
FG_MAP(fourier_features, 2, 2)
FG_MAP(fourier_features_vjp, 4, 4)
FG_FORMULA(gaussian_score, 3)
FG_FORMULA(langevin_update, 4)
FG_STEADY_FORMULA(langevin_update, 4, 3)
FG_MAP(solver_step_0, 8, 2)
FG_STEADY_MAP(solver_step_0, 8, 2, 2)
FG_MAP(solver_step_0_vjp, 10, 10)
FG_MAP(solver_step_1, 10, 2)
FG_STEADY_MAP(solver_step_1, 10, 2, 3)
FG_MAP(solver_step_1_vjp, 12, 12)
FG_MAP(solver_step_2, 12, 2)
FG_STEADY_MAP(solver_step_2, 12, 2, 4)
FG_MAP(solver_step_2_vjp, 14, 14)
FG_MAP(solver_step_3, 14, 2)
FG_STEADY_MAP(solver_step_3, 14, 2, 5)
FG_MAP(solver_step_3_vjp, 16, 16)
FG_MAP(solver_step_4, 16, 2)
FG_STEADY_MAP(solver_step_4, 16, 2, 6)
FG_MAP(solver_step_4_vjp, 18, 18)
FG_FORMULA(guided_combination, 7)
FG_STEADY_FORMULA(guided_combination, 7, 3)
FG_MAP(guided_step_0, 11, 2)
FG_STEADY_MAP(guided_step_0, 11, 2, 3)
FG_MAP(guided_step_0_vjp, 13, 13)
FG_MAP(guided_step_1, 13, 2)
FG_STEADY_MAP(guided_step_1, 13, 2, 4)
FG_MAP(guided_step_1_vjp, 15, 15)
FG_MAP(guided_step_2, 15, 2)
FG_STEADY_MAP(guided_step_2, 15, 2, 5)
FG_MAP(guided_step_2_vjp, 17, 17)
FG_MAP(guided_step_3, 17, 2)
FG_STEADY_MAP(guided_step_3, 17, 2, 6)
FG_MAP(guided_step_3_vjp, 19, 19)
FG_MAP(guided_step_4, 19, 2)
FG_STEADY_MAP(guided_step_4, 19, 2, 7)
FG_MAP(guided_step_4_vjp, 21, 21)

extern FG_ROWS;
FG_ROWS = {
    FG_STEADY_ROW(linear_combination, "(n),(n),(),()->(n)"),
    FG_STEADY_ROW_OF_MAPS(linear_interpolation, "(n),(n),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(noised, "(n),(n),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(path_point, "(n),(n),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(bridge_point, "(n),(n),(n),(),(),(),(),(),()->(n),(n)"),
    FG_ROW(denoising_score_matching, "(n),(n),(),()->()"),
    FG_ROW(sliced_score_matching, "(n),(n),(n)->()"),
    FG_ROW(transition_kl, "(n),(n),(n),(),()->()"),
    FG_ROW_OF_MAPS(fourier_features, "(),()->(),()"),
    FG_ROW(gaussian_score, "(),(),()->()"),
    FG_STEADY_ROW(langevin_update, "(n),(n),(n),()->(n)"),
    FG_STEADY_ROW_OF_MAPS(solver_step_0, "(n),(n),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(solver_step_1, "(n),(n),(n),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(solver_step_2, "(n),(n),(n),(n),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(solver_step_3, "(n),(n),(n),(n),(n),(),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(solver_step_4,
                          "(n),(n),(n),(n),(n),(n),(),(),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW(guided_combination, "(n),(n),(n),(),(),(),()->(n)"),
    FG_STEADY_ROW_OF_MAPS(guided_step_0, "(n),(n),(n),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(guided_step_1, "(n),(n),(n),(n),(),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(guided_step_2,
                          "(n),(n),(n),(n),(n),(),(),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(guided_step_3,
                          "(n),(n),(n),(n),(n),(n),(),(),(),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_STEADY_ROW_OF_MAPS(
        guided_step_4, "(n),(n),(n),(n),(n),(n),(n),(),(),(),(),(),(),(),(),(),(),(),()->(n),(n)"),
    FG_LAST_ROW,
};
