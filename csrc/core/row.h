/* What ops.c writes of a row: the table, its entries and their stages. The maps and closings that
 * they name are made by core/tile.h. */
#ifndef FG_CORE_ROW_H
#define FG_CORE_ROW_H

#include "core/op.h"

#define FG_PASTE_(a, b, c, d) a##b##_##c##_##d
#define FG_PASTE(a, b, c, d) FG_PASTE_(a, b, c, d)

/* The table of one unit for one instruction set and precision: the only symbol exported. */
#define FG_ROWS const fg_row FG_PASTE(fg_rows_, FG_UNIT, FG_ISA, FG_REAL_BITS)[]

/* The rows. Each records how many operands its maps take and give; core/check.h compares these
 * numbers with the signature when the operations are bound. */
/* clang-format off */
#define FG_ROW(formula, signature) \
    FG_ROW_OF(formula, signature, formula##_value, formula##_derivative)
#define FG_ROW_OF_MAPS(formula, signature) \
    FG_ROW_OF(formula, signature, formula##_map, formula##_vjp_map)
#define FG_ROW_OF_MAP(formula, shape) /* without a derivative */ \
    {.name = #formula, .signature = shape, .value = {.stages = FG_ONE_STAGE(formula##_map)}}
#define FG_ROW_OF_STAGES(formula, signature) \
    {#formula, signature, {.stages = formula##_stages}, {.stages = formula##_vjp_stages}}
#define FG_ROW_OF_VALUE(formula, shape) /* of stages, without a derivative */ \
    {.name = #formula, .signature = shape, .value = {.stages = formula##_stages}}
#define FG_ROW_OF(name, signature, value, derivative) \
    FG_ROW_OF_STAGE(name, signature, FG_ONE_STAGE(value), derivative)
#define FG_ROW_OF_STAGE(name, signature, stage, derivative) \
    {#name, signature, {.stages = stage}, {.stages = FG_ONE_STAGE(derivative)}}
#define FG_STEADY_ROW(formula, signature) \
    FG_ROW_OF_STAGE(formula, signature, FG_STEADY_STAGE(formula##_value), formula##_derivative)
#define FG_STEADY_ROW_OF_MAPS(formula, signature) \
    FG_ROW_OF_STAGE(formula, signature, FG_STEADY_STAGE(formula##_map), formula##_vjp_map)
#define FG_STEADY_ROW_OF_MAP(formula, shape) /* without a derivative */ \
    {.name = #formula, .signature = shape, .value = {.stages = FG_STEADY_STAGE(formula##_map)}}
#define FG_LAST_ROW {.name = NULL}

/* The stages: of a map that is a whole operation; one that reduces; one that only gives outputs. */
#define FG_ONE_STAGE(map) FG_WHOLE_STAGE(map, map##_takes, map##_gives, NULL, 0)
#define FG_STEADY_STAGE(map) \
    FG_WHOLE_STAGE(map, map##_takes, map##_gives, map##_steady, map##_arrays)
#define FG_WHOLE_STAGE(map, takes, gives, steady, arrays) \
    (const fg_stage[]){ \
        {map, NULL, takes, 0, gives, FG_SUMMED_OUTPUTS, 0, FG_SUM, steady, arrays, NULL, 0, NULL}, \
        FG_LAST_STAGE}
#define FG_STAGE(formula, reads, reduction, close) \
    FG_STAGE_WITH(formula, reads, reduction, close, NULL, 0)
#define FG_STAGE_WITH(formula, reads, reduction, close, fold, skips) \
    {formula##_map, FG_CLOSING(close), formula##_map_takes - (reads), reads, formula##_map_gives, \
     FG_AT_MOST(close##_terms, formula##_map_gives), close##_states, reduction, NULL, 0, fold, skips, \
     NULL}
#define FG_OUTPUTS(formula, reads) \
    {formula##_map, NULL, formula##_map_takes - (reads), reads, formula##_map_gives, 0, 0, FG_SUM, \
     NULL, 0, NULL, 0, NULL}
#define FG_LAST_STAGE {NULL, NULL, 0, 0, 0, 0, 0, FG_SUM, NULL, 0, NULL, 0, NULL}
/* The function that closes a stage: compiled in double alone. */
#if FG_REAL_BITS == 64
#define FG_CLOSING(formula) formula##_closing
#else
#define FG_CLOSING(formula) NULL
#endif
/* `terms`; does not compile where the map gives fewer. */
#define FG_AT_MOST(terms, gives) \
    ((terms) + 0 * (int)sizeof(char[(int)(gives) >= (int)(terms) ? 1 : -1]))
/* clang-format on */

#endif
