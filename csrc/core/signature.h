/* What the signature of a row says about its operands. */
#ifndef FG_SIGNATURE_H
#define FG_SIGNATURE_H

#include <stdbool.h>

#include "core/run.h"
#include "core/run_lanes.h"

/* Operands are numbered: inputs first, then outputs. */
typedef struct {
    int nin, nout;
    int deciding;     /* the first inputs, which set the batch shape of a lane kernel */
    bool lanes;       /* the row has a lane kernel; core dimensions of any name are then allowed */
    bool elementwise; /* the signature has no "(n)", as in "()->()" */
    uint64_t per_row; /* bit k: operand k is "()" beside an "(n)", and has one value per row */
    uint32_t summed;  /* bit j: output j has one value per row */
    int core_dims;    /* how many core dimensions there are, in the order of their first mention */
    int core_ndim[FG_MAX_OPERANDS];
    int core[FG_MAX_OPERANDS][FG_MAX_OPERAND_CORE]; /* which core dimensions operand k has */
} fg_facts;

/* Reads a signature such as "(n),()->()". False if it is malformed or has too many parts. */
bool fg_read_signature(fg_facts *facts, const char *signature, bool lanes);

/* Turns the facts of a row into those of its derivative, which takes the inputs and a cotangent of
 * each output, and gives the outputs and the cotangent of each input. False if it is too large. */
bool fg_derive_facts(fg_facts *facts);

#endif
