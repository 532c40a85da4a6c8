/* The family of noise has no rows, because it takes no arrays. It gives the loops their generator,
 * and noise is an operand of the rows of other families.
 *
 * The assignment of words to elements is part of the contract. Word i of a stream is word i % 4 of
 * block i / 4, as in Random123. In double, a word is two of those, and the first is the lower half.
 * Element i of uniforms is made of word i. Elements 2i and 2i + 1 of normals are made of words 2i
 * and 2i + 1.
 */
#include "core/loops.h"
#include "core/tile.h"
#include "noise/normal.h"
#include "noise/philox.h"
#include "noise/uniform.h"

/* Store numbers of 64 bits. In float, a number is two words, and the lower half comes first. */
static inline void store(const philox_lanes *low, const philox_lanes *high, void *to)
{
#if FG_REAL_BITS == 32 && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    philox_store(high, low, to);
#else
    philox_store(low, high, to);
#endif
}

typedef uint64_t numbers_in_memory __attribute__((may_alias));

enum {
    WORDS_PER_BLOCK = 128 / FG_REAL_BITS,
    PIECE = PICK(512, 256), /* words at a time; they lie on the C stack */
    PART = 256,             /* elements of a sum at a time; so do the normals that are added */
    WORDS = PIECE + 2 * PHILOX_BLOCKS * WORDS_PER_BLOCK, /* for a piece that starts within a block
                                                          */
    PAIRS = WORDS / 2,
    SCATTERED = PIECE / 4, /* elements at a time that are not neighbours */
};

_Static_assert(SCATTERED % PHILOX_BLOCKS == 0, "blocks are made PHILOX_BLOCKS at a time");

/* The four loops of normals. One loop would be slower: it has so many operations, each of which
 * waits for others, that the queue of a CPU holds little more than one vector's. */
FG_LOOP logarithms(const real_bits *restrict first, real *restrict f, real *restrict e, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        normal_logarithm(first[i], &f[i], &e[i]);
}

FG_LOOP squares(const real *restrict f, real *restrict e, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        e[i] = e[i] + minus_twice_log1p(f[i]);
}

FG_LOOP directions(const real_bits *restrict second, real *restrict s, real *restrict c,
                   ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        normal_direction(second[i], &s[i], &c[i]);
}

FG_LOOP pairs(const real *restrict square, const real *restrict s, const real *restrict c,
              const real_bits *restrict second, real *restrict z, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        normal_pair(square[i], s[i], c[i], second[i], &z[2 * i], &z[2 * i + 1]);
}

/* 2 n normals of the first and second words of n pairs. */
static void normals(const real_bits *first, const real_bits *second, real *z, ptrdiff_t n)
{
    real square[PAIRS], sine[PAIRS], cosine[PAIRS];
    logarithms(first, sine, square, n); /* f lies where the sine will lie: the C stack is small */
    squares(sine, square, n);
    directions(second, sine, cosine, n);
    pairs(square, sine, cosine, second, z, n);
}

FG_LOOP uniforms(const real_bits *restrict words, real *restrict u, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        u[i] = uniform(words[i]);
}

/* Uniforms or bits of n words. */
static void transform(enum fg_noise noise, const real_bits *words, real *to, ptrdiff_t n)
{
    if (noise == FG_UNIFORM)
        uniforms(words, to, n);
    else
        memcpy(to, words, (size_t)n * sizeof *words);
}

/* The block of word `start`. Word 0 is the first word of the stream's first block. */
static void counter_of(const fg_stream *stream, uint64_t start, uint64_t *low, uint64_t *high)
{
    *low = stream->block_low + start / WORDS_PER_BLOCK;
    *high = stream->block_high + (*low < stream->block_low);
}

/* Words of successive blocks, beginning with the block of word `start`. */
static void successive(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                       ptrdiff_t blocks, real_bits *words)
{
    uint64_t low, high, first[PHILOX_BLOCKS], second[PHILOX_BLOCKS];
    for (ptrdiff_t b = 0; b < blocks; b += PHILOX_BLOCKS) {
        counter_of(stream, start + (uint64_t)b * WORDS_PER_BLOCK, &low, &high);
        const philox_blocks x = philox(keys, philox_successive(low, high));
        store(x.c0, x.c1, first);
        store(x.c2, x.c3, second);
        numbers_in_memory *to = (numbers_in_memory *)(words + b * WORDS_PER_BLOCK);
        for (int i = 0; i < PHILOX_BLOCKS; i++) {
            to[2 * i] = first[i];
            to[2 * i + 1] = second[i];
        }
    }
}

/* The same words, the first words of all pairs in one array and the second words in the other. */
static void successive_pairs(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                             ptrdiff_t blocks, real_bits *first, real_bits *second)
{
    uint64_t low, high;
    for (ptrdiff_t b = 0; b < blocks; b += PHILOX_BLOCKS) {
        counter_of(stream, start + (uint64_t)b * WORDS_PER_BLOCK, &low, &high);
        const philox_blocks x = philox(keys, philox_successive(low, high));
        store(x.c0, PICK(x.c2, x.c1), first + b * WORDS_PER_BLOCK / 2);
        store(PICK(x.c1, x.c2), x.c3, second + b * WORDS_PER_BLOCK / 2);
    }
}

static void contiguous(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                       ptrdiff_t count, real *to)
{
    real values[WORDS];
    const ptrdiff_t skip = (ptrdiff_t)(start % WORDS_PER_BLOCK);
    const ptrdiff_t n = (skip + count + FG_LANES - 1) / FG_LANES * FG_LANES;
    real *all = skip == 0 && count == n ? to : values;
    real_bits words[WORDS];
    if (stream->noise == FG_NORMAL) {
        successive_pairs(stream, keys, start, n / WORDS_PER_BLOCK, words, words + PAIRS);
        normals(words, words + PAIRS, all, n / 2);
    } else {
        successive(stream, keys, start, n / WORDS_PER_BLOCK, words);
        transform(stream->noise, words, all, n);
    }
    if (all != to)
        memcpy(to, values + skip, (size_t)count * sizeof *to);
}

/* Whether element i is the second of its pair. */
static int odd(uint64_t start, uint64_t step, ptrdiff_t i)
{
    return (start + (uint64_t)i * step) & 1;
}

/* At most SCATTERED elements, `step` apart. Each element needs a block of its own. Of that
 * block, the pair of words of the element is kept. */
static void scattered(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                      uint64_t step, ptrdiff_t count, real *to)
{
    uint64_t low[PHILOX_BLOCKS], high[PHILOX_BLOCKS], numbers[2][PHILOX_BLOCKS];
    real_bits first[SCATTERED], second[SCATTERED];
    real values[2 * SCATTERED];
    for (ptrdiff_t b = 0; b < count; b += PHILOX_BLOCKS) {
        for (int i = 0; i < PHILOX_BLOCKS; i++)
            counter_of(stream, start + (uint64_t)(b + i) * step, &low[i], &high[i]);
        const philox_blocks x = philox(keys, philox_counters(low, high));
        store(x.c0, x.c1, numbers[0]);
        store(x.c2, x.c3, numbers[1]);
        for (int i = 0; i < PHILOX_BLOCKS; i++) {
            const uint64_t word = (start + (uint64_t)(b + i) * step) % WORDS_PER_BLOCK;
            const uint64_t both[2] = {numbers[0][i], numbers[1][i]};
            real_bits pair[2];
            memcpy(pair, &both[word >> 1 & 1], sizeof pair);
            first[b + i] = pair[0], second[b + i] = pair[1];
        }
    }
    const ptrdiff_t n = (count + FG_LANES - 1) / FG_LANES * FG_LANES;
    if (stream->noise == FG_NORMAL) {
        normals(first, second, values, n);
        for (ptrdiff_t i = 0; i < count; i++)
            to[i] = values[2 * i + odd(start, step, i)];
    } else {
        for (ptrdiff_t i = 0; i < count; i++)
            first[i] = odd(start, step, i) ? second[i] : first[i];
        transform(stream->noise, first, values, n);
        memcpy(to, values, (size_t)count * sizeof *to);
    }
}

static void generate(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                     ptrdiff_t step, ptrdiff_t count, real *to)
{
    while (count > 0) {
        /* All pieces after the first start at the start of a block. */
        const ptrdiff_t most = step == 1 ? PIECE - (ptrdiff_t)(start % WORDS_PER_BLOCK) : SCATTERED;
        const ptrdiff_t n = count < most ? count : most;
        if (step == 1)
            contiguous(stream, keys, start, n, to);
        else
            scattered(stream, keys, start, (uint64_t)step, n, to);
        to += n, count -= n, start += (uint64_t)n * (uint64_t)step;
    }
}

FG_LOOP add_weighted(const real *restrict z, real weight, real *restrict sum, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        sum[i] = sum[i] + weight * z[i];
}

FG_LOOP scaled(real scale, real *restrict sum, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        sum[i] = scale * sum[i];
}

/* The weights have squares that add up to 1. Those that do not count beside 1 are left out. So no
 * sum overflows, whatever the times are. */
static void brownian(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                     ptrdiff_t step, ptrdiff_t count, real *to)
{
    real z[PART];
    fg_stream of_cell = *stream;
    of_cell.noise = FG_NORMAL;
    while (count > 0) {
        const ptrdiff_t most = PART - (step == 1 ? (ptrdiff_t)(start % WORDS_PER_BLOCK) : 0);
        const ptrdiff_t n = count < most ? count : most;
        memset(to, 0, (size_t)n * sizeof *to);
        for (ptrdiff_t k = 0; k < stream->cell_count; k++) {
            const real weight = (real)stream->cells[k].weight;
            if (real_abs(weight) < PICK(0x1p-25f, 0x1p-54))
                continue;
            of_cell.block_high = stream->cells[k].owner;
            generate(&of_cell, keys, start, step, n, z);
            add_weighted(z, weight, to, n);
        }
        scaled((real)stream->scale, to, n);
        to += n, count -= n, start += (uint64_t)n * (uint64_t)step;
    }
}

#define GENERATE FG_PASTE(fg_generate_, FG_UNIT, FG_ISA, FG_REAL_BITS)
extern fg_generate GENERATE;

void GENERATE(const fg_stream *stream, ptrdiff_t first, ptrdiff_t step, ptrdiff_t count, void *to)
{
    const uint64_t start = stream->word + (uint64_t)first;
    philox_keys keys;
    philox_set_keys(&keys, stream->key);
    (stream->noise == FG_BROWNIAN ? brownian : generate)(stream, &keys, start, step, count, to);
}

extern FG_ROWS;
FG_ROWS = {FG_LAST_ROW};
