/* Variational autoencoders: the operations, and the formula that each is. */
#include "core/lanes.h"
#include "core/tile.h"

#include "vae/bernoulli_nll.h"
#include "vae/discretized_gaussian_nll.h"
#include "vae/gaussian_nll.h"
#include "vae/kl_bernoulli.h"
#include "vae/kl_diag_normal.h"
#include "vae/kl_diag_normal_sigma.h"
#include "vae/kl_laplace.h"
#include "vae/kl_standard_normal.h"
#include "vae/kl_tril_normal.h"
#include "vae/sample_diag_normal.h"
#include "vae/standard_normal_log_prob.h"

FG_FORMULA(kl_standard_normal, 2)
FG_FORMULA(kl_diag_normal, 4)
FG_FORMULA(kl_diag_normal_sigma, 4)
FG_FORMULA(kl_laplace, 4)
FG_FORMULA(kl_bernoulli, 2)
FG_FORMULA(gaussian_nll, 3)
FG_FORMULA(bernoulli_nll, 2)
FG_FORMULA(discretized_gaussian_nll, 4)
FG_FORMULA(standard_normal_log_prob, 1)
FG_FORMULA(sample_diag_normal, 3)
FG_MAP(sample_diag_normal_with_log_prob, 3, 2)
FG_MAP(sample_diag_normal_with_log_prob_vjp, 5, 5)

extern FG_ROWS;
FG_ROWS = {
    FG_ROW(kl_standard_normal, "(n),(n)->()"),
    FG_ROW(kl_diag_normal, "(n),(n),(n),(n)->()"),
    FG_ROW(kl_diag_normal_sigma, "(n),(n),(n),(n)->()"),
    FG_ROW(kl_laplace, "(n),(n),(n),(n)->()"),
    FG_ROW(kl_bernoulli, "(n),(n)->()"),
    FG_ROW(gaussian_nll, "(n),(n),(n)->()"),
    FG_ROW(bernoulli_nll, "(n),(n)->()"),
    FG_ROW(discretized_gaussian_nll, "(n),(n),(n),()->()"),
    FG_ROW(standard_normal_log_prob, "(n)->()"),
    FG_ROW(sample_diag_normal, "(),(),()->()"),
    FG_ROW_OF_MAPS(sample_diag_normal_with_log_prob, "(n),(n),(n)->(n),()"),
    FG_ROW_OF_LANES(kl_tril_normal, "(d),(d,d),(d),(d,d)->()", 0),
    FG_LAST_ROW,
};
