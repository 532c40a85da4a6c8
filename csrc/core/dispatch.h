/* Which instruction sets were built, which of them this CPU can run, and their rows and loops. The
 * caller chooses one, once. */
#ifndef FG_CORE_DISPATCH_H
#define FG_CORE_DISPATCH_H

#include "core/loops.h"
#include "core/op.h"

enum fg_precision { FG_SINGLE, FG_DOUBLE, FG_PRECISIONS };

/* Instruction sets are numbered best first; names as FASTGEN_ISA takes them. */
int fg_isa_total(void);
const char *fg_isa_name(int isa);
int fg_isa_supported(int isa); /* by this CPU */

/* The units of families.def. No two units of one family have an operation of the same name. */
int fg_unit_total(void);
const char *fg_unit_family(int unit);

/* A unit's rows, ended by a row without a name. Every isa and precision has the same names in the
 * same order. */
const fg_row *fg_unit_rows(int isa, enum fg_precision precision, int unit);
const fg_loops *fg_loops_for(int isa, enum fg_precision precision);

#endif
