/* Prints a hash of every operation's value, derivative and row sums, for every instruction set with
 * fused multiply-add that this CPU has. .ci/compilers compares it between compilers and machines:
 * one differing bit fails. */
#include "core/dispatch.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { N = FG_TILE, BUFFERS = 2 * FG_MAX_OPERANDS };

static _Alignas(64) double buffer[BUFFERS][N + FG_LANES];

static void fill(int bits)
{
    uint64_t k = 0;
    for (int b = 0; b < FG_MAX_OPERANDS; b++)
        for (int i = 0; i < N; i++) {
            uint64_t z = k += 0x9E3779B97F4A7C15u;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
            const double x = (double)(z >> 44) / 131072 - 4;
            if (bits == 64)
                buffer[b][i] = x;
            else
                ((float *)buffer[b])[i] = (float)x;
        }
}

/* FNV-1a of the numbers' bits; every NaN counts alike, for its sign is the machine's own. */
static uint64_t hash(uint64_t h, const void *numbers, int count, int bits)
{
    for (int i = 0; i < count; i++) {
        uint64_t u = 0;
        const double x =
            bits == 64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
        if (x == x)
            memcpy(&u, &x, sizeof u);
        h = (h ^ u) * 0x100000001b3u;
    }
    return h;
}

static void print_row(const fg_row *row, const fg_loops *loops, const char *family, int bits)
{
    const void *in[FG_MAX_OPERANDS];
    void *out[FG_MAX_OPERANDS];
    double totals[N];
    for (int k = 0; k < FG_MAX_OPERANDS; k++) {
        in[k] = buffer[k];
        out[k] = buffer[FG_MAX_OPERANDS + k];
    }
    memset(buffer[FG_MAX_OPERANDS], 0, sizeof buffer / 2);
    fill(bits);
    row->value.map(in, out, N / FG_LANES);
    uint64_t h = hash(0xcbf29ce484222325u, out[0], N, bits);
    const ptrdiff_t lengths[] = {1, 3, 20, 63, 1024};
    for (int k = 0; k < 5; k++) {
        loops->sum_rows(out[0], lengths[k], N / lengths[k], totals);
        h = hash(h, totals, (int)(N / lengths[k]), 64);
    }
    if (row->derivative.map != NULL) {
        row->derivative.map(in, out, N / FG_LANES);
        for (int k = 0; k < FG_MAX_OPERANDS; k++)
            h = hash(h, out[k], N, bits);
    }
    printf("%s.%s %d %016llx\n", family, row->name, bits, (unsigned long long)h);
}

/* Of 16 problems at once: every core dimension is 4, and all operands and scratch are in buffers.
 */
static void print_lanes(const fg_row *row, const char *family)
{
    static _Alignas(64) double scratch[FG_MAX_OPERANDS * N];
    const ptrdiff_t size[FG_MAX_CORE] = {4, 4, 4, 4};
    void *operand[BUFFERS];
    uint64_t h = 0xcbf29ce484222325u;
    for (int k = 0; k < BUFFERS; k++)
        operand[k] = buffer[k];
    const fg_kernel *const kernels[] = {&row->value, &row->derivative};
    for (int i = 0; i < 2; i++) {
        memset(buffer, 0, sizeof buffer);
        fill(64);
        for (int k = 0; k < N; k++) /* a problem that has a solution has numbers near 1 */
            buffer[1][k] = 1 + buffer[1][k] / 16, buffer[3][k] = 1 + buffer[3][k] / 16;
        kernels[i]->lanes(size, kernels[i]->options, operand, scratch);
        for (int k = 0; k < FG_MAX_OPERANDS; k++)
            h = hash(h, operand[k], N, 64);
    }
    printf("%s.%s 64 %016llx\n", family, row->name, (unsigned long long)h);
}

static void print_noise(const fg_loops *loops, int bits)
{
    const char *const names[] = {"normal", "uniform", "random_bits"};
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
        print_noise(fg_loops_for(isa, FG_SINGLE), 32);
        print_noise(fg_loops_for(isa, FG_DOUBLE), 64);
        for (int family = 0; family < fg_family_total(); family++)
            for (int p = 0; p < FG_PRECISIONS; p++) {
                const fg_row *row = fg_family_rows(isa, (enum fg_precision)p, family);
                for (; row->name != NULL; row++)
                    if (row->value.lanes != NULL)
                        print_lanes(row, fg_family_name(family));
                    else if (row->value.map != NULL)
                        print_row(row, fg_loops_for(isa, (enum fg_precision)p),
                                  fg_family_name(family), p == FG_DOUBLE ? 64 : 32);
            }
    }
    return 0;
}
