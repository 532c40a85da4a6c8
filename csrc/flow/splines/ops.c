/* Monotonic splines: one element in each lane. */
#include "core/lanes.h"
#include "core/tile.h"

#include "flow/splines/cubic_vjp_lanes.h"
#include "flow/splines/linear_vjp_lanes.h"
#include "flow/splines/quadratic_vjp_lanes.h"
#include "flow/splines/rational_quadratic_vjp_lanes.h"

/* The options: bound 1, and the minimal sizes and slope of nflows. */
#define NFLOWS_SPLINE 1, 1e-3, 1e-3, 1e-3

extern FG_ROWS;
FG_ROWS = {
    FG_ROW_OF_REAL_LANES(rational_quadratic_spline, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(rational_quadratic_spline_inverse, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(linear_spline, "(),(k)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(linear_spline_inverse, "(),(k)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(quadratic_spline, "(),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(quadratic_spline_inverse, "(),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(cubic_spline, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_ROW_OF_REAL_LANES(cubic_spline_inverse, "(),(k),(k),(m)->(),()", NFLOWS_SPLINE),
    FG_LAST_ROW,
};
