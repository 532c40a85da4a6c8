/* What was built, and what this CPU can run. An instruction set is chosen once, by the caller. */
#ifndef FG_CORE_DISPATCH_H
#define FG_CORE_DISPATCH_H

#include "core/loops.h"
#include "core/op.h"

enum fg_precision { FG_SINGLE, FG_DOUBLE, FG_PRECISIONS };

/* Instruction sets are numbered best first; names as FASTGEN_ISA takes them. */
int fg_isa_total(void);
const char *fg_isa_name(int isa);
int fg_isa_supported(int isa); /* by this CPU */

/* The units of families.def. Units of one family have operations of different names. */
int fg_unit_total(void);
const char *fg_unit_family(int unit);

/* A unit's rows, ended by one without a name; the same names and order for every isa. */
const fg_row *fg_unit_rows(int isa, enum fg_precision precision, int unit);
const fg_loops *fg_loops_for(int isa, enum fg_precision precision);

#endif
