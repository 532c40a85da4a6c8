#include "xla/expected.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/half.h"

/* A cotangent is expected after it came twice in a row. After a wrong guess it must come more
 * often. */
enum { TWICE = 2, AFTER_A_WRONG_GUESS = -8 };

enum { PLACES = 1024 };

typedef struct {
    _Atomic double cotangent;
    atomic_int seen;
} fg_xla_place;

static fg_xla_place places[PLACES];

static fg_xla_place *place_of(int64_t place)
{
    return &places[(uint64_t)place % PLACES];
}

bool fg_xla_same(double x, double y)
{
    return memcmp(&x, &y, sizeof x) == 0;
}

double fg_xla_expected(int64_t place)
{
    fg_xla_place *const own = place_of(place);
    return atomic_load(&own->seen) < TWICE ? NAN : atomic_load(&own->cotangent);
}

/* Calls may run at once. Then a count may be lost, which costs time only. */
void fg_xla_came(int64_t place, double expected, double cotangent)
{
    fg_xla_place *const own = place_of(place);
    const int seen = atomic_load(&own->seen);
    if (!isnan(cotangent) && fg_xla_same(cotangent, atomic_load(&own->cotangent))) {
        if (seen < TWICE)
            atomic_store(&own->seen, seen + 1);
        return;
    }
    if (!isnan(cotangent))
        atomic_store(&own->cotangent, cotangent);
    if (!isnan(expected))
        atomic_store(&own->seen, AFTER_A_WRONG_GUESS);
    else if (seen >= 0)
        atomic_store(&own->seen, isnan(cotangent) ? 0 : 1);
}

static double first_of(const fg_array *array)
{
    switch (array->dtype) {
    case FG_F16: return float_of_float16(*(const uint16_t *)array->data);
    case FG_BF16: return float_of_bfloat16(*(const uint16_t *)array->data);
    case FG_F32: return *(const float *)array->data;
    default: return *(const double *)array->data;
    }
}

double fg_xla_one_number(const fg_array *array)
{
    if (array->ndim == 0)
        return first_of(array);
    const size_t step = (size_t)array->stride[array->ndim - 1];
    const size_t bytes = (size_t)array->shape[0] * (size_t)array->stride[0];
    const char *const data = array->data;
    if (bytes == 0 || memcmp(data, data + step, bytes - step) != 0)
        return NAN;
    return first_of(array);
}
