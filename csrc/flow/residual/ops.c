/* Residual layers with a known log-determinant: planar and radial. */
#include "core/tile.h"

#include "flow/residual/planar.h"
#include "flow/residual/radial.h"

FG_MAP(planar_products, 4, 4)
FG_CLOSE(planar_products_close, 4, 3)
FG_MAP(planar, 7, 1)
static const fg_stage planar_stages[] = {
    FG_STAGE(planar_products, 0, FG_SUM, planar_products_close),
    FG_OUTPUTS(planar, 3),
    FG_LAST_STAGE,
};
FG_CLOSE(planar_vjp_products_close, 4, 6)
FG_MAP(planar_vjp_cotangents, 6, 3)
FG_CLOSE(planar_vjp_close, 3, 6)
FG_MAP(planar_vjp, 12, 4)
static const fg_stage planar_vjp_stages[] = {
    FG_STAGE(planar_products, 0, FG_SUM, planar_vjp_products_close),
    FG_STAGE(planar_vjp_cotangents, 0, FG_SUM, planar_vjp_close),
    FG_OUTPUTS(planar_vjp, 6),
    FG_LAST_STAGE,
};

FG_MAP(radial_distance, 4, 3)
FG_CLOSE(radial_distance_close, 3, 2)
FG_MAP(radial, 6, 1)
static const fg_stage radial_stages[] = {
    FG_STAGE(radial_distance, 0, FG_SUM, radial_distance_close),
    FG_OUTPUTS(radial, 2),
    FG_LAST_STAGE,
};
FG_CLOSE(radial_vjp_distance_close, 3, 5)
FG_MAP(radial_vjp_cotangents, 6, 2)
FG_CLOSE(radial_vjp_close, 2, 5)
FG_MAP(radial_vjp, 11, 3)
static const fg_stage radial_vjp_stages[] = {
    FG_STAGE(radial_distance, 0, FG_SUM, radial_vjp_distance_close),
    FG_STAGE(radial_vjp_cotangents, 0, FG_SUM, radial_vjp_close),
    FG_OUTPUTS(radial_vjp, 5),
    FG_LAST_STAGE,
};

extern FG_ROWS;
FG_ROWS = {
    FG_ROW_OF_STAGES(planar, "(n),(n),(n),()->(n),()"),
    FG_ROW_OF_STAGES(radial, "(n),(n),(),()->(n),()"),
    FG_LAST_ROW,
};
