/* Prints a hash of every operation's value and derivative, on rows of several lengths, for every
 * instruction set with fused multiply-add that this CPU has. .ci/compilers compares it between
 * compilers and machines: one differing bit fails. */
#include "core/call.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4096, SIDE = 4 }; /* numbers in an operand; length of what is no row: a matrix's side */

static _Alignas(64) double buffer[FG_MAX_OPERANDS][N];

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

/* An operand as an array: as many problems as there is room for, each with core dimensions of
 * length `side`. Without core dimensions of its own, an operand of rows has a value per row. */
typedef struct {
    ptrdiff_t shape[1 + FG_MAX_OPERAND_CORE], stride[1 + FG_MAX_OPERAND_CORE];
} layout;

static fg_array operand(const fg_facts *facts, int k, ptrdiff_t problems, ptrdiff_t side, int bits,
                        layout *at)
{
    const int ndim = 1 + facts->core_ndim[k];
    ptrdiff_t stride = bits / 8;
    for (int d = ndim - 1; d >= 0; d--) {
        at->shape[d] = d > 0 ? side : problems;
        at->stride[d] = stride;
        stride *= at->shape[d];
    }
    return (fg_array){buffer[k], bits == 64 ? FG_F64 : FG_F32, ndim, at->shape, at->stride};
}

/* Calls an operation and hashes its outputs. With `fold`, of one array against constants, and of no
 * gradient but its own. */
static uint64_t hash_call(uint64_t h, const fg_op *op, ptrdiff_t problems, ptrdiff_t side, int fold,
                          int bits)
{
    const fg_facts *facts = &op->facts;
    fg_array array[FG_MAX_OPERANDS];
    layout at[FG_MAX_OPERANDS];
    for (int k = 0; k < facts->nin + facts->nout; k++) {
        array[k] = operand(facts, k, problems, side, bits, &at[k]);
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

/* Calls an operation on rows of several lengths. */
static uint64_t hash_op(uint64_t h, const fg_op *op, int bits)
{
    static const ptrdiff_t lengths[] = {1, 3, 20, 63, 1024, 2500, 2500};
    const bool folds = op->kernel[bits == 64 ? FG_DOUBLE : FG_SINGLE]->fold != NULL;
    const bool rows = !op->facts.lanes && !op->facts.elementwise;
    for (int positive = 0; positive < 2; positive++)
        for (int i = 0; i < (!rows ? 1 : folds ? 7 : 6); i++) {
            const ptrdiff_t side = op->facts.lanes ? SIDE : lengths[i];
            fill(op->facts.nin, bits, positive);
            h = hash_call(h, op, N / (op->facts.lanes ? SIDE * SIDE : side), side, i == 6, bits);
        }
    return h;
}

static void print_rows(int isa, int unit, int bits)
{
    const fg_row *single = fg_unit_rows(isa, FG_SINGLE, unit);
    const fg_row *wide = fg_unit_rows(isa, FG_DOUBLE, unit);
    for (; single->name != NULL; single++, wide++) {
        if (bits == 32 && wide->value.lanes != NULL && single->value.lanes == NULL)
            continue; /* computed in double alone */
        fg_op op;
        uint64_t h = 0xcbf29ce484222325u;
        if (fg_bind_op(&op, single->signature, isa, &single->value, &wide->value, false) != NULL)
            exit(1);
        h = hash_op(h, &op, bits);
        if (fg_has_kernel(&wide->derivative)) {
            if (fg_bind_op(&op, single->signature, isa, &single->derivative, &wide->derivative,
                           true))
                exit(1);
            h = hash_op(h, &op, bits);
        }
        printf("%s.%s %d %016llx\n", fg_unit_family(unit), single->name, bits,
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
