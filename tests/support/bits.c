/* Prints a hash of every operation's value and derivative, on rows of several lengths, for every
 * instruction set with fused multiply-add that this CPU has. .ci/compilers compares the hashes of
 * different compilers and machines, and fails if one differs. An operation that does not write all
 * its outputs fails here: see hash_twice. */
#include "core/call.h"
#include "core/scratch.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    N = 4096,                  /* numbers in an operand */
    SIDE = 4,                  /* length of a lane kernel's first core dimension: a matrix's side */
    SCRATCH_BYTES = 384 << 10, /* more than these calls take */
};

static _Alignas(64) double buffer[FG_MAX_OPERANDS][N];

/* Numbers from -4 to 4; with `positive`, numbers around 1, for formulas that take the logarithm or
 * the inverse of an input. */
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

/* FNV-1a of the bits of the numbers. All NaNs have the same hash, because the sign of a NaN depends
 * on the machine. */
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

/* An operand as an array: as many problems as fit, each with core dimensions of these sizes. An
 * operand of rows without core dimensions has a value per row. */
typedef struct {
    ptrdiff_t shape[1 + FG_MAX_OPERAND_CORE], stride[1 + FG_MAX_OPERAND_CORE];
} layout;

static fg_array operand(const fg_facts *facts, int k, ptrdiff_t problems, const ptrdiff_t *size,
                        int bits, layout *at)
{
    const int ndim = 1 + facts->core_ndim[k];
    ptrdiff_t stride = bits / 8;
    for (int d = ndim - 1; d >= 0; d--) {
        at->shape[d] = d > 0 ? size[facts->core[k][d - 1]] : problems;
        at->stride[d] = stride;
        stride *= at->shape[d];
    }
    return (fg_array){buffer[k], bits == 64 ? FG_F64 : FG_F32, ndim, at->shape, at->stride};
}

/* Fills the scratch that calls take, and the outputs, with a byte. */
static void leave(const fg_facts *facts, int byte)
{
    void *const scratch = fg_scratch_take(SCRATCH_BYTES);
    if (scratch == NULL)
        exit(1);
    memset(scratch, byte, SCRATCH_BYTES);
    fg_scratch_give(scratch);
    memset(buffer[facts->nin], byte, (size_t)facts->nout * sizeof buffer[0]);
}

/* Calls an operation and hashes its outputs. With `fold`, the call is one that takes the fold: one
 * array, constants, and no gradient but that of the array. */
static uint64_t hash_call(uint64_t h, const fg_op *op, ptrdiff_t problems, const ptrdiff_t *size,
                          int fold, int bits)
{
    const fg_facts *facts = &op->facts;
    fg_array array[FG_MAX_OPERANDS];
    layout at[FG_MAX_OPERANDS];
    for (int k = 0; k < facts->nin + facts->nout; k++) {
        array[k] = operand(facts, k, problems, size, bits, &at[k]);
        if (fold && k > 0 && k < facts->nin)
            array[k].ndim = 0;
        if (fold && k > facts->nin + 1)
            array[k].data = NULL;
    }
    const fg_array *out = array + facts->nin;
    if (fg_call(op, array, out, NULL, bits == 64 ? FG_DOUBLE : FG_SINGLE, NULL, NULL) != FG_DONE)
        exit(1);
    for (int j = 0; j < facts->nout; j++) {
        ptrdiff_t count = out[j].data != NULL;
        for (int d = 0; d < out[j].ndim; d++)
            count *= out[j].shape[d];
        h = hash(h, buffer[facts->nin + j], count, bits);
    }
    return h;
}

/* The hash of hash_call. Calls twice, with other bytes in scratch and outputs. If the hashes
 * differ, the operation read or returned a number that it did not write. */
static uint64_t hash_twice(uint64_t h, const char *name, const fg_op *op, ptrdiff_t problems,
                           const ptrdiff_t *size, int fold, int bits)
{
    leave(&op->facts, 0x00);
    const uint64_t first = hash_call(h, op, problems, size, fold, bits);
    leave(&op->facts, 0x3b);
    if (hash_call(h, op, problems, size, fold, bits) == first)
        return first;
    fprintf(stderr, "%s %d: the outputs depend on memory that the operation has not written\n",
            name, bits);
    exit(1);
}

/* Calls an operation on rows of several lengths. */
static uint64_t hash_rows(uint64_t h, const char *name, const fg_op *op, int bits)
{
    static const ptrdiff_t lengths[] = {1, 3, 20, 63, 1024, 2500, 2500};
    const fg_stage *stage = op->kernel[bits == 64 ? FG_DOUBLE : FG_SINGLE]->stages;
    const int folds = stage->terms == FG_SUMMED_OUTPUTS && stage->fold != NULL;
    const int count = op->facts.elementwise ? 1 : folds ? 7 : 6;
    for (int i = 0; i < count; i++)
        h = hash_twice(h, name, op, N / lengths[i], &lengths[i], i == 6, bits);
    return h;
}

/* Calls a lane kernel. The second core dimension is that of a spline: a number for each of its
 * knots, for all but the last, or for the inner ones. A cubic spline takes the slopes at both ends.
 */
static uint64_t hash_lanes(uint64_t h, const char *name, const fg_op *op, int bits)
{
    const int cubic = strncmp(name, "cubic_spline", strlen("cubic_spline")) == 0;
    const ptrdiff_t least = cubic ? 2 : SIDE - 1, most = cubic ? 2 : SIDE + 1;
    if (op->facts.core_dims < 2)
        return hash_twice(h, name, op, N / (SIDE * SIDE), (const ptrdiff_t[]){SIDE}, 0, bits);
    for (ptrdiff_t second = least; second <= most; second++)
        h = hash_twice(h, name, op, N / (SIDE * SIDE), (const ptrdiff_t[]){SIDE, second}, 0, bits);
    return h;
}

static uint64_t hash_op(uint64_t h, const char *name, const fg_op *op, int bits)
{
    for (int positive = 0; positive < 2; positive++) {
        fill(op->facts.nin, bits, positive);
        h = (op->facts.lanes ? hash_lanes : hash_rows)(h, name, op, bits);
    }
    return h;
}

static void print_rows(int isa, int unit, int bits)
{
    const fg_row *single = fg_unit_rows(isa, FG_SINGLE, unit);
    const fg_row *wide = fg_unit_rows(isa, FG_DOUBLE, unit);
    for (; single->name != NULL; single++, wide++) {
        if (bits == 32 && wide->value.lanes != NULL && single->value.lanes == NULL)
            continue; /* has a kernel in double alone */
        fg_op op;
        uint64_t h = 0xcbf29ce484222325u;
        if (fg_bind_op(&op, single->signature, isa, &single->value, &wide->value, false) != NULL)
            exit(1);
        h = hash_op(h, single->name, &op, bits);
        if (fg_has_kernel(&wide->derivative)) {
            if (fg_bind_op(&op, single->signature, isa, &single->derivative, &wide->derivative,
                           true))
                exit(1);
            h = hash_op(h, single->name, &op, bits);
        }
        printf("%s.%s %d %016llx\n", fg_unit_family(unit), single->name, bits,
               (unsigned long long)h);
    }
}

/* Noise has no rows. It is an operand of other rows. */
static void print_noise(int isa, int bits)
{
    const char *const names[] = {"normal", "uniform", "random_bits", "brownian"};
    const fg_cell cells[] = {{(uint64_t)1 << 63, 0.75}, {~(uint64_t)0, -0.625}};
    const fg_loops *loops = fg_loops_for(isa, bits == 64 ? FG_DOUBLE : FG_SINGLE);
    for (int noise = FG_NORMAL; noise <= FG_BROWNIAN; noise++) {
        const fg_stream stream = {.noise = (enum fg_noise)noise,
                                  .key = 0x0badcafedeadbeef,
                                  .block_low = ~(uint64_t)99,
                                  .block_high = 7,
                                  .word = 1,
                                  .cells = cells,
                                  .cell_count = 2,
                                  .scale = 0.3};
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
