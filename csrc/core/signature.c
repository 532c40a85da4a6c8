#include "core/signature.h"

#include <string.h>

/* The names of the core dimensions read so far: parts of the signature itself. */
typedef struct {
    int count;
    const char *name[FG_MAX_CORE];
    size_t length[FG_MAX_CORE];
} names;

/* The number of a core dimension; -1 if there are too many. */
static int number_of(names *known, const char *name, size_t length)
{
    for (int i = 0; i < known->count; i++)
        if (known->length[i] == length && memcmp(known->name[i], name, length) == 0)
            return i;
    if (known->count == FG_MAX_CORE)
        return -1;
    known->name[known->count] = name;
    known->length[known->count] = length;
    return known->count++;
}

/* Reads one operand, such as "(d,d)", from its parenthesis on. Returns what follows it, or NULL. */
static const char *read_operand(fg_facts *facts, int k, names *known, const char *at)
{
    facts->core_ndim[k] = 0;
    for (at++; *at != ')'; at += *at == ',') {
        const size_t length = strcspn(at, ",()");
        const int number = number_of(known, at, length);
        if (length == 0 || number < 0 || facts->core_ndim[k] == FG_MAX_OPERAND_CORE)
            return NULL;
        facts->core[k][facts->core_ndim[k]++] = number;
        at += length;
        if (*at != ',' && *at != ')')
            return NULL;
    }
    return at + 1;
}

/* Reads operands up to "->" or the end. Returns how many operands there are now, or -1. */
static int read_operands(fg_facts *facts, int k, names *known, const char **at)
{
    for (bool more = true; more; k++) {
        if (**at != '(' || k == FG_MAX_OPERANDS)
            return -1;
        *at = read_operand(facts, k, known, *at);
        if (*at == NULL)
            return -1;
        more = **at == ',';
        *at += more;
    }
    return k;
}

/* Sets the facts that follow from the core dimensions. */
static void conclude(fg_facts *facts)
{
    facts->elementwise = !facts->lanes && facts->core_dims == 0;
    facts->per_row = 0;
    for (int k = 0; k < facts->nin + facts->nout; k++)
        if (!facts->lanes && !facts->elementwise && facts->core_ndim[k] == 0)
            facts->per_row |= UINT64_C(1) << k;
    facts->summed = (uint32_t)(facts->per_row >> facts->nin);
}

bool fg_read_signature(fg_facts *facts, const char *signature, bool lanes)
{
    names known = {.count = 0};
    const char *at = signature;
    memset(facts, 0, sizeof *facts);
    facts->lanes = lanes;
    facts->nin = facts->deciding = read_operands(facts, 0, &known, &at);
    if (facts->nin < 0 || strncmp(at, "->", 2) != 0)
        return false;
    at += 2;
    facts->nout = read_operands(facts, facts->nin, &known, &at) - facts->nin;
    if (facts->nout < 0 || *at != '\0')
        return false;
    facts->core_dims = known.count;
    conclude(facts);
    for (int k = 0; k < facts->nin + facts->nout; k++) /* of a row: "(n)" and "()" alone */
        if (!lanes && facts->core_ndim[k] > 1)
            return false;
    return lanes || facts->core_dims <= 1;
}

bool fg_derive_facts(fg_facts *facts)
{
    const int nin = facts->nin, count = facts->nin + facts->nout;
    if (2 * count > FG_MAX_OPERANDS)
        return false;
    for (int k = 0; k < count; k++) { /* outputs come before the cotangents of inputs */
        const int to = count + (k < nin ? facts->nout + k : k - nin);
        facts->core_ndim[to] = facts->core_ndim[k];
        memcpy(facts->core[to], facts->core[k], sizeof facts->core[k]);
    }
    facts->deciding = nin;
    facts->nin = facts->nout = count;
    conclude(facts);
    return true;
}
