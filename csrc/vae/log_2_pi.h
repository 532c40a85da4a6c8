/* log(2 pi), of the normalising constant of a normal density. */
#ifndef FG_VAE_LOG_2_PI_H
#define FG_VAE_LOG_2_PI_H

#include "core/real.h"

#define LOG_2_PI PICK(0x1.d67f1cp+0f, 0x1.d67f1c864beb5p+0)

#endif
