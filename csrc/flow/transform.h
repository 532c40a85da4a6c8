/* The maps of a flow's layers, which give y and the log-determinant of dy/dx. */
#ifndef FG_FLOW_TRANSFORM_H
#define FG_FLOW_TRANSFORM_H

#include "core/tile.h"

/* The maps of a formula and of its derivative. `with_cotangents` is inputs + 2. */
#define FLOW_MAPS(formula, inputs, with_cotangents)                                                \
    FG_MAP(formula, inputs, 2)                                                                     \
    FG_MAP(formula##_vjp, with_cotangents, with_cotangents)

#endif
