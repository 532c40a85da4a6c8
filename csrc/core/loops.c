#include "core/loops.h"

#include <stdbool.h>

#include "core/half.h"
#include "core/half_vectors.h"
#include "core/real.h"
#include "core/sum.h"
#include "core/tile.h"
#include "core/transpose_vectors.h"

#if defined(__AVX512F__) || defined(__SSE2__)
#include <immintrin.h>
#endif

/* One loop per storage format. Strides are bytes, and elements need no alignment, so each access is
 * a memcpy of a size known at compile time: one move instruction. */
#define STRIDED_LOAD(name, stored, convert)                                                        \
    static void name(const char *source, ptrdiff_t stride, ptrdiff_t count, real *restrict to)     \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < count; i++) {                                                    \
            stored x;                                                                              \
            memcpy(&x, source + i * stride, sizeof x);                                             \
            to[i] = (real)convert(x);                                                              \
        }                                                                                          \
    }
#define STRIDED_STORE(name, stored, convert)                                                       \
    static void name(char *target, ptrdiff_t stride, ptrdiff_t count, const real *restrict from)   \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < count; i++) {                                                    \
            const stored x = convert(from[i]);                                                     \
            memcpy(target + i * stride, &x, sizeof x);                                             \
        }                                                                                          \
    }

#define TO_FLOAT(x) ((float)(x))
#define TO_DOUBLE(x) ((double)(x))
#if FG_REAL_BITS == 32
#define TO_FLOAT16(x) float16_of_float(x)
#define TO_BFLOAT16(x) bfloat16_of_float(x)
#else
#define TO_FLOAT16(x) float16_of_float(odd_float_of_double(x))
#define TO_BFLOAT16(x) bfloat16_of_float(odd_float_of_double(x))
#endif

/* clang-format off */
STRIDED_LOAD(load_f16, uint16_t, float_of_float16)
STRIDED_LOAD(load_bf16, uint16_t, float_of_bfloat16)
STRIDED_LOAD(load_f32, float, TO_FLOAT)
STRIDED_LOAD(load_f64, double, TO_DOUBLE)
STRIDED_STORE(store_f16, uint16_t, TO_FLOAT16)
STRIDED_STORE(store_bf16, uint16_t, TO_BFLOAT16)
STRIDED_STORE(store_f32, float, TO_FLOAT)
STRIDED_STORE(store_f64, double, TO_DOUBLE)
/* clang-format on */

/* The loop is inlined twice. Where the compiler knows the stride, it vectorises. */
#define BY_STRIDE(loop, size, pointer, buffer)                                                     \
    do {                                                                                           \
        if (stride == (size))                                                                      \
            loop(pointer, (size), count, buffer);                                                  \
        else                                                                                       \
            loop(pointer, stride, count, buffer);                                                  \
    } while (0)

static void load_halves(const char *source, ptrdiff_t stride, ptrdiff_t count, real *to)
{
#if FG_HALF_VECTORS
    const ptrdiff_t done = stride == 2 ? load_f16_vectors(source, count, to) : 0;
    source += 2 * done, count -= done, to += done;
#endif
    BY_STRIDE(load_f16, 2, source, to);
}

static void store_halves(char *target, ptrdiff_t stride, ptrdiff_t count, const real *from)
{
#if FG_HALF_VECTORS
    const ptrdiff_t done = stride == 2 ? store_f16_vectors(target, count, from) : 0;
    target += 2 * done, count -= done, from += done;
#endif
    BY_STRIDE(store_f16, 2, target, from);
}

static void load(enum fg_dtype from, const char *source, ptrdiff_t stride, ptrdiff_t count,
                 void *to)
{
    real *const values = to;
    if (stride == 0) { /* one value for all: convert it once */
        if (count == 0)
            return;
        load(from, source, (ptrdiff_t)sizeof(double), 1, to);
        const real value = values[0];
        for (ptrdiff_t i = 0; i < count; i++)
            values[i] = value;
        return;
    }
    switch (from) {
    case FG_F16: load_halves(source, stride, count, values); break;
    case FG_BF16: BY_STRIDE(load_bf16, 2, source, values); break;
    case FG_F32: BY_STRIDE(load_f32, 4, source, values); break;
    case FG_F64: BY_STRIDE(load_f64, 8, source, values); break;
    case FG_STREAM: break; /* view.h calls `generate` */
    }
}

static void store(enum fg_dtype to, char *target, ptrdiff_t stride, ptrdiff_t count,
                  const void *from)
{
    const real *const values = from;
    switch (to) {
    case FG_F16: store_halves(target, stride, count, values); break;
    case FG_BF16: BY_STRIDE(store_bf16, 2, target, values); break;
    case FG_F32: BY_STRIDE(store_f32, 4, target, values); break;
    case FG_F64: BY_STRIDE(store_f64, 8, target, values); break;
    case FG_STREAM: break; /* never an output */
    }
}

/* clang-format off */
#ifdef FG_TRANSPOSE_VECTORS
#define transpose_f32 transpose_vectors
#define transpose_to_f32 transpose_back_vectors
#else
TRANSPOSE_IN(transpose_f32, float, float4)
TRANSPOSE_OUT(transpose_to_f32, float, float4)
#endif
TRANSPOSE_IN(transpose_f64, double, double4)
TRANSPOSE_OUT(transpose_to_f64, double, double4)
/* clang-format on */

#define TRANSPOSE_REAL PICK(transpose_f32, transpose_f64)
#define TRANSPOSE_TO_REAL PICK(transpose_to_f32, transpose_to_f64)

enum { CONVERTED = 32 }; /* half-precision numbers of each lane that are converted at a time */

static bool transposes(enum fg_dtype dtype, ptrdiff_t lane_stride, ptrdiff_t lanes,
                       ptrdiff_t stride, ptrdiff_t count)
{
    const ptrdiff_t size = dtype == FG_F64 ? 8 : dtype == FG_F32 ? 4 : 2;
    return lanes == FG_LANES && count >= BLOCK && stride == size && lane_stride != 0;
}

/* Blocks of numbers are converted, then transposed. Returns how many numbers these are: all but up
 * to BLOCK - 1. Not inlined, so that only calls of half precision need its stack. */
static __attribute__((noinline)) ptrdiff_t transpose_halves(enum fg_dtype from, const char *source,
                                                            ptrdiff_t lane_stride, ptrdiff_t count,
                                                            real (*rows)[FG_LANES])
{
    real converted[FG_LANES][CONVERTED];
    ptrdiff_t i = 0;
    while (count - i >= BLOCK) {
        const ptrdiff_t n = count - i < CONVERTED ? count - i : CONVERTED;
        for (int l = 0; l < FG_LANES; l++)
            load(from, source + l * lane_stride + 2 * i, 2, n, converted[l]);
        TRANSPOSE_REAL((const char *)converted, sizeof converted[0], n, rows + i);
        i += n;
    }
    return i;
}

static __attribute__((noinline)) ptrdiff_t transpose_to_halves(enum fg_dtype to, char *target,
                                                               ptrdiff_t lane_stride,
                                                               ptrdiff_t count,
                                                               const real (*rows)[FG_LANES])
{
    real converted[FG_LANES][CONVERTED];
    ptrdiff_t i = 0;
    while (count - i >= BLOCK) {
        const ptrdiff_t n = count - i < CONVERTED ? count - i : CONVERTED;
        TRANSPOSE_TO_REAL((char *)converted, sizeof converted[0], n, rows + i);
        for (int l = 0; l < FG_LANES; l++)
            store(to, target + l * lane_stride + 2 * i, 2, n, converted[l]);
        i += n;
    }
    return i;
}

/* One number per lane, side by side and of the kernel's own type: a row as it is. */
static bool is_row(enum fg_dtype dtype, ptrdiff_t lane_stride, ptrdiff_t lanes, ptrdiff_t count)
{
    return count == 1 && lanes == FG_LANES && lane_stride == (ptrdiff_t)sizeof(real) &&
           dtype == PICK(FG_F32, FG_F64);
}

/* Number by number: for arrays that are not contiguous, and for the numbers that fill no block. Not
 * inlined, so that `load` is compiled once. */
static __attribute__((noinline)) void load_each(enum fg_dtype from, const char *source,
                                                ptrdiff_t lane_stride, ptrdiff_t lanes,
                                                ptrdiff_t stride, ptrdiff_t count,
                                                real (*rows)[FG_LANES])
{
    for (ptrdiff_t i = 0; i < count; i++)
        load(from, source + i * stride, lane_stride, lanes, rows[i]);
}

static __attribute__((noinline)) void store_each(enum fg_dtype to, char *target,
                                                 ptrdiff_t lane_stride, ptrdiff_t lanes,
                                                 ptrdiff_t stride, ptrdiff_t count,
                                                 const real (*rows)[FG_LANES])
{
    for (ptrdiff_t i = 0; i < count; i++)
        store(to, target + i * stride, lane_stride, lanes, rows[i]);
}

static void load_lanes(enum fg_dtype from, const char *source, ptrdiff_t lane_stride,
                       ptrdiff_t lanes, ptrdiff_t stride, ptrdiff_t count, void *to)
{
    real(*rows)[FG_LANES] = to;
    ptrdiff_t i = 0;
    if (is_row(from, lane_stride, lanes, count)) {
        memcpy(rows, source, sizeof rows[0]);
        return;
    }
    if (transposes(from, lane_stride, lanes, stride, count)) {
        if (from == FG_F32)
            transpose_f32(source, lane_stride, count, rows);
        else if (from == FG_F64)
            transpose_f64(source, lane_stride, count, rows);
        i = from == FG_F32 || from == FG_F64
                ? count
                : transpose_halves(from, source, lane_stride, count, rows);
    }
    if (i < count)
        load_each(from, source + i * stride, lane_stride, lanes, stride, count - i, rows + i);
}

static void store_lanes(enum fg_dtype to, char *target, ptrdiff_t lane_stride, ptrdiff_t lanes,
                        ptrdiff_t stride, ptrdiff_t count, const void *from)
{
    const real(*rows)[FG_LANES] = from;
    ptrdiff_t i = 0;
    if (is_row(to, lane_stride, lanes, count)) {
        memcpy(target, rows, sizeof rows[0]);
        return;
    }
    if (transposes(to, lane_stride, lanes, stride, count)) {
        if (to == FG_F32)
            transpose_to_f32(target, lane_stride, count, rows);
        else if (to == FG_F64)
            transpose_to_f64(target, lane_stride, count, rows);
        i = to == FG_F32 || to == FG_F64
                ? count
                : transpose_to_halves(to, target, lane_stride, count, rows);
    }
    if (i < count)
        store_each(to, target + i * stride, lane_stride, lanes, stride, count - i, rows + i);
}

static void stream(char *target, ptrdiff_t count, const void *from)
{
    ptrdiff_t bytes = count * (ptrdiff_t)sizeof(real);
    const char *source = from;
#if defined(__SSE2__)
    const ptrdiff_t head = (ptrdiff_t)((64 - (uintptr_t)target % 64) % 64);
    if (head >= bytes) {
        memcpy(target, source, (size_t)bytes);
        return;
    }
    memcpy(target, source, (size_t)head);
    target += head, source += head, bytes -= head;
    for (; bytes >= 64; target += 64, source += 64, bytes -= 64) {
#if defined(__AVX512F__)
        _mm512_stream_si512((void *)target, _mm512_loadu_si512(source));
#else
        for (int k = 0; k < 64; k += 16)
            _mm_stream_si128((void *)(target + k), _mm_loadu_si128((const void *)(source + k)));
#endif
    }
    _mm_sfence(); /* the stores must be visible before the caller is told that the work is done */
#endif
    memcpy(target, source, (size_t)bytes);
}

/* The canonical sum of up to FG_TILE elements: FG_LANES partial sums in double, lane j taking
 * elements j, j + 16, j + 32, ...; then lanes 8 apart are added, 4 apart, 2, 1. It does not depend
 * on the instruction set, nor on what else is in the tile. */
#define ALL (~(real_bits)0)
static const real_bits keep[2 * FG_LANES] = {ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
                                             ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL};

static double sum_row(const real *restrict x, ptrdiff_t n)
{
    double lane[FG_LANES];
    /* The elements after the last whole group come first, so that the rest is one loop. They are
     * masked by bits, because the compiler turns a comparison into branches. */
    const ptrdiff_t left = n % FG_LANES, whole = n - left;
    const real_bits *const mask = keep + FG_LANES - left;
    for (int j = 0; j < FG_LANES; j++)
        lane[j] = (double)real_of_bits(bits_of(x[whole + j]) & mask[j]);
    for (ptrdiff_t i = 0; i < whole; i += FG_LANES)
        for (int j = 0; j < FG_LANES; j++)
            lane[j] += (double)x[i + j];
    return sum_of_lanes(lane);
}

static void sum_rows(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *totals)
{
    const real *const x = tile;
    if (n == 1) { /* the same bits: the lanes would add up to 0 + x */
        for (ptrdiff_t r = 0; r < rows; r++)
            totals[r] = 0.0 + (double)x[r];
        return;
    }
    for (ptrdiff_t r = 0; r < rows; r++)
        totals[r] = sum_row(x + r * n, n);
}

/* The same groups and lanes. The last group is filled up with -infinity. */
static double max_row(const real *restrict x, ptrdiff_t n)
{
    real lane[FG_LANES];
    real_bits bits[FG_LANES];
    const real_bits none = bits_of(-REAL_INFINITY);
    const ptrdiff_t left = n % FG_LANES, whole = n - left;
    const real_bits *const mask = keep + FG_LANES - left;
    memcpy(bits, x + whole, sizeof bits);
    for (int j = 0; j < FG_LANES; j++)
        bits[j] = (bits[j] & mask[j]) | (none & ~mask[j]);
    memcpy(lane, bits, sizeof lane);
    for (int j = 0; j < FG_LANES; j++)
        lane[j] = lane[j] > -REAL_INFINITY ? lane[j] : -REAL_INFINITY; /* no NaN from here on */
    for (ptrdiff_t i = 0; i < whole; i += FG_LANES)
        for (int j = 0; j < FG_LANES; j++)
            lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (int j = 0; j < 8; j++)
        lane[j] = lane[j] > lane[j + 8] ? lane[j] : lane[j + 8];
    for (int j = 0; j < 4; j++)
        lane[j] = lane[j] > lane[j + 4] ? lane[j] : lane[j + 4];
    for (int j = 0; j < 2; j++)
        lane[j] = lane[j] > lane[j + 2] ? lane[j] : lane[j + 2];
    return (double)(lane[0] > lane[1] ? lane[0] : lane[1]);
}

static void max_rows(const void *tile, ptrdiff_t n, ptrdiff_t rows, double *totals)
{
    const real *const x = tile;
    for (ptrdiff_t r = 0; r < rows; r++)
        totals[r] = max_row(x + r * n, n);
}

static void add_to(const void *tile, ptrdiff_t count, double *restrict totals)
{
    const real *restrict x = tile;
    for (ptrdiff_t i = 0; i < count; i++)
        totals[i] += (double)x[i];
}

static void max_to(const void *tile, ptrdiff_t count, double *restrict totals)
{
    const real *restrict x = tile;
    for (ptrdiff_t i = 0; i < count; i++)
        totals[i] = (double)x[i] > totals[i] ? (double)x[i] : totals[i];
}

#include "core/log_product.h" /* uses load_lanes */

/* Whole groups, so that no length is slow. A row's last group may write past its end: there the
 * next row begins, or nothing. */
static void fill_rows(const double *values, ptrdiff_t n, ptrdiff_t rows, void *tile)
{
    real *x = tile;
    for (ptrdiff_t r = 0; r < rows; r++, x += n) {
        const real value = (real)values[r];
        for (ptrdiff_t i = 0; i < n; i += FG_LANES)
            for (int j = 0; j < FG_LANES; j++)
                x[i + j] = value;
    }
}

enum { copy_takes = 1, copy_gives = 1 };

static void copy(const void *const *in, void *const *out, ptrdiff_t groups)
{
    memcpy(out[0], in[0], (size_t)(groups * FG_LANES) * sizeof(real));
}

extern fg_generate FG_PASTE(fg_generate_, noise, FG_ISA, FG_REAL_BITS);
extern const fg_loops FG_PASTE(fg_loops_, FG_UNIT, FG_ISA, FG_REAL_BITS);
const fg_loops FG_PASTE(fg_loops_, FG_UNIT, FG_ISA, FG_REAL_BITS) = {
    .real_size = sizeof(real),
    .load = load,
    .store = store,
    .stream = stream,
    .load_lanes = load_lanes,
    .store_lanes = store_lanes,
    .sum_rows = sum_rows,
    .max_rows = max_rows,
    .add_to = add_to,
    .max_to = max_to,
    .log_rows = log_rows,
#if FG_REAL_BITS == 32
    .factor_rows = factor_rows,
#endif
    .fill_rows = fill_rows,
    .generate = FG_PASTE(fg_generate_, noise, FG_ISA, FG_REAL_BITS),
    .copy = {.stages = FG_ONE_STAGE(copy)},
};
