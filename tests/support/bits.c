/* Prints a hash of every operation's value and derivative, on rows of several lengths, for every
 * instruction set with fused multiply-add that this CPU has. .ci/compilers compares it between
 * compilers and machines: one differing bit fails. */
#include "core/dispatch.h"
#include "core/run.h"
#include "core/run_lanes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4096, SIDE = 4 }; /* numbers in an operand; length of what is no row: a matrix's side */

static _Alignas(64) double buffer[FG_MAX_OPERANDS][N];

/* A signature taken apart: the core dimensions of each operand, numbered as they first appear. */
typedef struct {
    int nin, nout;
    int ndim[FG_MAX_OPERANDS], dim[FG_MAX_OPERANDS][FG_MAX_OPERAND_CORE];
} operands;

static operands of_value(const char *signature)
{
    operands found = {0};
    char names[FG_MAX_CORE + 1] = "";
    int operand = -1;
    for (const char *c = signature; *c != '\0'; c++) {
        operand += *c == '(';
        if (*c == '>')
            found.nin = operand + 1;
        if (*c < 'a' || *c > 'z')
            continue;
        if (strchr(names, *c) == NULL)
            names[strlen(names)] = *c;
        found.dim[operand][found.ndim[operand]++] = (int)(strchr(names, *c) - names);
    }
    found.nout = operand + 1 - found.nin;
    return found;
}

/* Inputs and then a cotangent per output; outputs and then a gradient per input. */
static operands of_derivative(const operands *value)
{
    operands found = *value;
    const int nin = value->nin, count = value->nin + value->nout;
    found.nin = found.nout = count;
    for (int k = 0; k < count; k++) {
        const int to = count + (k < nin ? value->nout + k : k - nin);
        found.ndim[to] = value->ndim[k];
        memcpy(found.dim[to], value->dim[k], sizeof found.dim[to]);
    }
    return found;
}

static ptrdiff_t core_size(const operands *of, int k, ptrdiff_t side)
{
    ptrdiff_t size = 1;
    for (int d = 0; d < of->ndim[k]; d++)
        size *= side;
    return size;
}

/* Numbers from -4 to 4; or around 1, for what has no logarithm or inverse of a negative one. */
static void fill(int inputs, int bits, int positive)
{
    uint64_t k = 0;
    for (int b = 0; b < inputs; b++)
        for (int i = 0; i < N; i++) {
            uint64_t z = k += 0x9E3779B97F4A7C15u;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
            const double x = (double)(z >> 44) / 131072 - 4;
            const double y = positive ? 1 + x / 16 : x;
            if (bits == 64)
                buffer[b][i] = y;
            else
                ((float *)buffer[b])[i] = (float)y;
        }
}

/* FNV-1a of the numbers' bits; every NaN counts alike, for its sign is the machine's own. */
static uint64_t hash(uint64_t h, const void *numbers, ptrdiff_t count, int bits)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        uint64_t u = 0;
        const double x =
            bits == 64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
        if (x == x)
            memcpy(&u, &x, sizeof u);
        h = (h ^ u) * 0x100000001b3u;
    }
    return h;
}

/* As many rows of n elements as there is room for; without rows, as many elements. With `fold`, of
 * one array against constants, and of no gradient but its own. */
static enum fg_result run_rows(fg_problem *p, const operands *of, int rows, ptrdiff_t n, int fold)
{
    const ptrdiff_t size = p->loops->real_size;
    p->nin = of->nin, p->nout = of->nout, p->summed = 0;
    p->ndim = 2, p->batch_ndim = 1;
    p->shape[0] = N / n, p->shape[1] = n;
    for (int k = 0; k < of->nin + of->nout; k++) {
        fg_operand *operand = &p->operand[k];
        operand->data = (char *)buffer[k];
        operand->dtype = size == 8 ? FG_F64 : FG_F32;
        operand->stride[0] = core_size(of, k, n) * size;
        operand->stride[1] = of->ndim[k] ? size : 0;
        if (fold && k > 0 && k < of->nin)
            operand->stride[0] = operand->stride[1] = 0;
        if (fold && k > of->nin + 1)
            operand->data = NULL;
        if (rows && k >= of->nin && of->ndim[k] == 0)
            p->summed |= 1u << (k - of->nin);
    }
    return fg_run(p, NULL);
}

/* As many problems, all of whose core dimensions are SIDE long. */
static enum fg_result run_lanes(fg_lane_problem *p, const operands *of)
{
    const ptrdiff_t size = p->loops->real_size;
    p->nin = of->nin, p->nout = of->nout;
    p->ndim = 1, p->shape[0] = N / (SIDE * SIDE);
    for (int d = 0; d < FG_MAX_CORE; d++)
        p->size[d] = SIDE;
    for (int k = 0; k < of->nin + of->nout; k++) {
        fg_lane_operand *operand = &p->operand[k];
        operand->data = (char *)buffer[k];
        operand->dtype = size == 8 ? FG_F64 : FG_F32;
        operand->stride[0] = core_size(of, k, SIDE) * size;
        operand->core_ndim = of->ndim[k];
        for (int d = 0; d < of->ndim[k]; d++) {
            operand->core[d] = of->dim[k][d];
            operand->core_stride[d] = d == of->ndim[k] - 1 ? size : size * SIDE;
        }
    }
    return fg_run_lanes(p, NULL);
}

static uint64_t hash_outputs(uint64_t h, const operands *of, ptrdiff_t batch, ptrdiff_t side,
                             int bits)
{
    for (int k = of->nin; k < of->nin + of->nout; k++)
        h = hash(h, buffer[k], batch * core_size(of, k, side), bits);
    return h;
}

/* Of one kernel, whose other compilation is that for double. */
static uint64_t hash_kernel(uint64_t h, const fg_kernel *kernel, const fg_kernel *wide,
                            const operands *of, int rows, int isa, int bits)
{
    static const ptrdiff_t lengths[] = {1, 3, 20, 63, 1024, 2500, 2500};
    fg_problem problem = {.kernel = kernel, .wide_kernel = wide};
    fg_lane_problem lanes = {.kernel = kernel->lanes, .options = kernel->options};
    problem.loops = fg_loops_for(isa, bits == 64 ? FG_DOUBLE : FG_SINGLE);
    problem.wide = fg_loops_for(isa, FG_DOUBLE);
    lanes.loops = problem.loops;
    for (int positive = 0; positive < 2; positive++)
        for (int i = 0; i < (!rows ? 1 : kernel->fold ? 7 : 6); i++) {
            const ptrdiff_t side = kernel->lanes ? SIDE : lengths[i];
            fill(of->nin, bits, positive);
            const enum fg_result result =
                kernel->lanes ? run_lanes(&lanes, of) : run_rows(&problem, of, rows, side, i == 6);
            if (result != FG_DONE)
                exit(1);
            h = hash_outputs(h, of, kernel->lanes ? N / (SIDE * SIDE) : N / side, side, bits);
        }
    return h;
}

static void print_rows(int isa, int unit, int bits)
{
    const fg_row *row = fg_unit_rows(isa, bits == 64 ? FG_DOUBLE : FG_SINGLE, unit);
    const fg_row *wide = fg_unit_rows(isa, FG_DOUBLE, unit);
    for (; row->name != NULL; row++, wide++) {
        if (wide->value.lanes != NULL && row->value.lanes == NULL) /* computed in double alone */
            continue;
        const operands value = of_value(row->signature);
        const int rows = strchr(row->signature, 'n') != NULL;
        uint64_t h = 0xcbf29ce484222325u;
        h = hash_kernel(h, &row->value, &wide->value, &value, rows, isa, bits);
        if (row->derivative.map || row->derivative.stages || row->derivative.lanes) {
            const operands derivative = of_derivative(&value);
            h = hash_kernel(h, &row->derivative, &wide->derivative, &derivative, rows, isa, bits);
        }
        printf("%s.%s %d %016llx\n", fg_unit_family(unit), row->name, bits,
               (unsigned long long)h);
    }
}

/* Noise has no rows: it is an operand of others. */
static void print_noise(int isa, int bits)
{
    const char *const names[] = {"normal", "uniform", "random_bits"};
    const fg_loops *loops = fg_loops_for(isa, bits == 64 ? FG_DOUBLE : FG_SINGLE);
    for (int noise = FG_NORMAL; noise <= FG_BITS; noise++) {
        const fg_stream stream = {(enum fg_noise)noise, 0x0badcafedeadbeef, ~(uint64_t)99, 7, 1};
        loops->generate(&stream, 0, 1, N - 3, buffer[0]);
        loops->generate(&stream, 5, 3, N - 3, buffer[1]);
        const uint64_t h = hash(0xcbf29ce484222325u, buffer[0], N - 3, bits);
        printf("noise.%s %d %016llx\n", names[noise], bits,
               (unsigned long long)hash(h, buffer[1], N - 3, bits));
    }
}

int main(int argc, char **argv)
{
    for (int isa = 0; isa < fg_isa_total(); isa++) {
        const char *name = fg_isa_name(isa);
        if (!fg_isa_supported(isa) || (argc > 1 && strcmp(argv[1], name) != 0))
            continue;
        print_noise(isa, 32);
        print_noise(isa, 64);
        for (int unit = 0; unit < fg_unit_total(); unit++) {
            print_rows(isa, unit, 32);
            print_rows(isa, unit, 64);
        }
    }
    return 0;
}
