/* ln 2 = LN2_HI + LN2_LO. LN2_HI has 16 or 39 bits, so k LN2_HI is exact for every exponent k. */
#ifndef FG_ELEMENTARY_LN2_H
#define FG_ELEMENTARY_LN2_H

#include "core/real.h"

#define LN2_HI PICK(0x1.62e6p-1f, 0x1.62e42fefa4p-1)
#define LN2_LO PICK(-0x1.d0105cp-17f, -0x1.8432a1b0e2634p-43)

#endif
