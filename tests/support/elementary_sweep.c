/* The largest error, in ULP, of the elementary functions: over all 2^32 floats, or over doubles of
 * every kind. .ci/accuracy builds and runs it.
 *
 *     elementary_sweep NAME ISA 32 STRIDE BOUND    every STRIDE-th float, compared with double
 *     elementary_sweep NAME ISA 64 COUNT BOUND     COUNT doubles of each kind, with long double
 *
 * It fails if an error exceeds BOUND. The second form needs the long double of x87, whose own error
 * is about 0.001 ULP of double. So run it on x86.
 */
#include "core/dispatch.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef long double wide;

/* x^2/2 (1 + x/3 (1 + x/4 (...))) near 0, where the difference cancels. */
static wide expm1_minus_x(wide x)
{
    if (fabsl(x) > 0.5L)
        return isinf(x) ? (wide)INFINITY : expm1l(x) - x;
    wide sum = 0;
    for (int i = 24; i > 2; i--)
        sum = x / i * (1 + sum);
    return x * x / 2 * (1 + sum);
}

static wide softplus(wide x)
{
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

static wide sigmoid(wide x)
{
    return x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x));
}

/* x^2 (1/2 - x (1/3 - x (...))) near 0. */
static wide x_minus_log1p(wide x)
{
    if (fabsl(x) > 0.4L)
        return isinf(x) && x > 0 ? x : x - log1pl(x);
    wide sum = 0;
    for (int i = 60; i > 1; i--)
        sum = 1.0L / i - x * sum;
    return x * x * sum;
}

/* The upper tail of the standard normal distribution, for x >= 0. erfc multiplies the relative
 * error of x/sqrt 2 by x^2, so the rounding error of the quotient is corrected. */
static wide normal_tail(wide x)
{
    const wide root_hi = 0x1.6a09e667f3bcc908p+0L, root_lo = 0x1.64cfb2ab3b9eb2p-64L;
    const wide y = x / root_hi, lost = fmal(-y, root_hi, x) - y * root_lo;
    return x > 200 ? 0 : erfcl(y) / 2 * expl(-x * lost);
}

static wide ndtr(wide x)
{
    return x > 0 ? 1 - normal_tail(x) : normal_tail(-x);
}

static wide log_ndtr(wide x)
{
    const wide pi2 = 6.28318530717958647692528676655900577L, z = 1 / (x * x);
    if (x > 0)
        return log1pl(-normal_tail(x));
    if (x > -50)
        return logl(normal_tail(-x));
    return -x * x / 2 - logl(-x) - logl(pi2) / 2 + log1pl(-z * (1 - z * (3 - z * (15 - 105 * z))));
}

static const struct {
    const char *name;
    wide (*exact)(wide);
} references[] = {{"exp", expl},
                  {"expm1", expm1l},
                  {"expm1_minus_x", expm1_minus_x},
                  {"log", logl},
                  {"log1p", log1pl},
                  {"log_ndtr", log_ndtr},
                  {"ndtr", ndtr},
                  {"sigmoid", sigmoid},
                  {"softplus", softplus},
                  {"tanh", tanhl},
                  {"x_minus_log1p", x_minus_log1p}};

static wide (*exact)(wide);
static const fg_row *row;
static int bits;
static double worst, worst_at;

static double ulps(double got, wide want)
{
    const int mantissa = bits == 32 ? 23 : 52, lowest = bits == 32 ? -126 : -1022;
    const wide largest = ldexpl(1, bits == 32 ? 128 : 1024);
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (isinf(got) && fabsl(want) >= largest - ldexpl(largest, -mantissa - 2))
        return (got > 0) == (want > 0) ? 0 : INFINITY;
    if (isinf(got) || isinf(want))
        return INFINITY;
    const int exponent = want == 0 ? lowest : ilogbl(want);
    return (double)ldexpl(fabsl(got - want), mantissa - (exponent < lowest ? lowest : exponent));
}

enum { N = 4096 };
static _Alignas(64) double in64[N], out64[N];
static _Alignas(64) float in32[N], out32[N];
static int filled;

static void judge(void)
{
    const void *in[] = {bits == 32 ? (void *)in32 : (void *)in64};
    void *out[] = {bits == 32 ? (void *)out32 : (void *)out64};
    row->value.stages->map(in, out, N / FG_LANES);
    for (int i = 0; i < filled; i++) {
        const double x = bits == 32 ? (double)in32[i] : in64[i];
        const double error = ulps(bits == 32 ? (double)out32[i] : out64[i], exact(x));
        if (error > worst) {
            worst = error;
            worst_at = x;
        }
    }
    filled = 0;
}

static void point(double x)
{
    in32[filled] = (float)x;
    in64[filled++] = x;
    if (filled == N)
        judge();
}

static void every_float(uint64_t stride)
{
    for (uint64_t u = 0; u <= 0xffffffffu; u += stride) {
        const uint32_t pattern = (uint32_t)u;
        float x;
        memcpy(&x, &pattern, sizeof x);
        point((double)x);
    }
}

static uint64_t state = 88172645463325252u;

static double unit(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 0x1p-53;
}

static void around(double x)
{
    for (int i = -30; i <= 30; i++) {
        point(x + i * (nextafter(x, INFINITY) - x));
        point(-x + i * (nextafter(x, INFINITY) - x));
    }
}

static void doubles_of_every_kind(long count)
{
    const double spans[][2] = {{-1000, 1000}, {-40, 40}, {-4, 4},      {-1, 1},    {0.7, 1.3},
                               {0.5, 2.5},    {0, 0.5},  {-748, -708}, {0.3, 0.5}, {-0.4, -0.2}};
    for (size_t k = 0; k < sizeof spans / sizeof *spans; k++)
        for (long i = 0; i < count; i++)
            point(spans[k][0] + (spans[k][1] - spans[k][0]) * unit());
    for (long i = 0; i < count; i++)
        point((unit() < 0.5 ? -1 : 1) * ldexp(1 + unit(), (int)(unit() * 2098) - 1074));
    for (int k = -2200; k <= 2200; k++)
        around(k * 0.34657359027997264); /* where k, and the branch of r, change */
    for (int e = -1074; e < 1024; e++) {
        around(ldexp(1, e));
        around(ldexp(0x1.6a09e667f3bcdp-1, e));
        around(ldexp(0.75, e));
    }
}

static int elementary(void)
{
    int unit = 0;
    while (strcmp(fg_unit_family(unit), "elementary") != 0)
        unit++;
    return unit;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    bits = atoi(argv[3]);
    for (size_t k = 0; k < sizeof references / sizeof *references; k++)
        if (strcmp(references[k].name, argv[1]) == 0)
            exact = references[k].exact;
    for (int isa = 0; isa < fg_isa_total(); isa++)
        if (strcmp(fg_isa_name(isa), argv[2]) == 0 && fg_isa_supported(isa))
            row = fg_unit_rows(isa, bits == 32 ? FG_SINGLE : FG_DOUBLE, elementary());
    while (row != NULL && row->name != NULL && strcmp(row->name, argv[1]) != 0)
        row++;
    if (exact == NULL || row == NULL || row->name == NULL)
        return 2;
    if (bits == 32)
        every_float((uint64_t)atoll(argv[4]));
    else
        doubles_of_every_kind(atol(argv[4]));
    judge();
    printf("%-14s %s %d bits: %.3f ULP at %a\n", argv[1], argv[2], bits, worst, worst_at);
    return worst <= atof(argv[5]) ? 0 : 1;
}
