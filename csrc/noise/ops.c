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

/* A number of philox.h is two words of float, the first in the lower half, or one word of double.
 */
#if FG_REAL_BITS == 32 && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define TWO_WORDS(x) ((x) >> 32 | (x) << 32)
#else
#define TWO_WORDS(x) (x)
#endif
typedef uint64_t numbers_in_memory __attribute__((may_alias));

enum {
    WORDS_PER_BLOCK = 128 / FG_REAL_BITS,
    PIECE = 512, /* words at a time; they lie on the C stack */
    PART = 256,  /* elements of a sum at a time; so do the normals that are added */
    WORDS = PIECE + 2 * PHILOX_BLOCKS * WORDS_PER_BLOCK, /* for a piece that starts within a block
                                                          */
};

/* philox.h gives the first and second numbers of blocks in two arrays. Here they lie side by side.
 */
FG_LOOP side_by_side(const uint64_t *restrict first, const uint64_t *restrict second,
                     numbers_in_memory *restrict blocks)
{
    for (int i = 0; i < PHILOX_BLOCKS; i++) {
        blocks[2 * i] = TWO_WORDS(first[i]);
        blocks[2 * i + 1] = TWO_WORDS(second[i]);
    }
}

FG_LOOP normals(const real_bits *restrict words, real *restrict z, ptrdiff_t groups)
{
    for (ptrdiff_t i = 0; i < groups * FG_LANES; i += 2)
        normal_pair(words[i], words[i + 1], &z[i], &z[i + 1]);
}

FG_LOOP uniforms(const real_bits *restrict words, real *restrict u, ptrdiff_t groups)
{
    for (ptrdiff_t i = 0; i < groups * FG_LANES; i++)
        u[i] = uniform(words[i]);
}

static void transform(enum fg_noise noise, const real_bits *words, real *to, ptrdiff_t groups)
{
    switch (noise) {
    case FG_NORMAL: normals(words, to, groups); break;
    case FG_UNIFORM: uniforms(words, to, groups); break;
    case FG_BITS: memcpy(to, words, (size_t)(groups * FG_LANES) * sizeof *words); break;
    case FG_BROWNIAN: break; /* a sum of FG_NORMAL */
    }
}

/* Words of successive blocks, beginning with the block of word `start`. Word 0 is the first word of
 * the stream's first block. */
static void successive(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                       ptrdiff_t blocks, real_bits *words)
{
    uint64_t low[PHILOX_BLOCKS], high[PHILOX_BLOCKS], first[PHILOX_BLOCKS], second[PHILOX_BLOCKS];
    const uint64_t block = stream->block_low + start / WORDS_PER_BLOCK;
    const uint64_t block_high = stream->block_high + (block < stream->block_low);
    for (ptrdiff_t b = 0; b < blocks; b += PHILOX_BLOCKS) {
        for (int i = 0; i < PHILOX_BLOCKS; i++) {
            low[i] = block + (uint64_t)(b + i);
            high[i] = block_high + (low[i] < block);
        }
        philox(keys, low, high, first, second);
        side_by_side(first, second, (numbers_in_memory *)(words + b * WORDS_PER_BLOCK));
    }
}

static void contiguous(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                       ptrdiff_t count, real *to)
{
    real_bits words[WORDS];
    real values[WORDS];
    const ptrdiff_t skip = (ptrdiff_t)(start % WORDS_PER_BLOCK);
    const ptrdiff_t groups = (skip + count + FG_LANES - 1) / FG_LANES;
    successive(stream, keys, start, groups * FG_LANES / WORDS_PER_BLOCK, words);
    if (skip == 0 && count % FG_LANES == 0) {
        transform(stream->noise, words, to, groups);
        return;
    }
    transform(stream->noise, words, values, groups);
    memcpy(to, values + skip, (size_t)count * sizeof *to);
}

/* Elements `step` apart, at most half a piece. Each element needs a block of its own. Of that
 * block, the pair of words of the element is kept. */
static void scattered(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                      uint64_t step, ptrdiff_t count, real *to)
{
    uint64_t low[PHILOX_BLOCKS], high[PHILOX_BLOCKS], first[PHILOX_BLOCKS], second[PHILOX_BLOCKS];
    real_bits words[WORDS];
    real values[WORDS];
    for (ptrdiff_t b = 0; b < count; b += PHILOX_BLOCKS) {
        for (int i = 0; i < PHILOX_BLOCKS; i++) {
            low[i] = stream->block_low + (start + (uint64_t)(b + i) * step) / WORDS_PER_BLOCK;
            high[i] = stream->block_high + (low[i] < stream->block_low);
        }
        philox(keys, low, high, first, second);
        for (int i = 0; i < PHILOX_BLOCKS; i++) {
            const uint64_t word = (start + (uint64_t)(b + i) * step) % WORDS_PER_BLOCK;
            const uint64_t pair[2] = {TWO_WORDS(first[i]), TWO_WORDS(second[i])};
            memcpy(words + 2 * (b + i), &pair[word >> 1 & 1], 2 * sizeof *words);
        }
    }
    transform(stream->noise, words, values, (2 * count + FG_LANES - 1) / FG_LANES);
    for (ptrdiff_t i = 0; i < count; i++)
        to[i] = values[2 * i + (ptrdiff_t)((start + (uint64_t)i * step) & 1)];
}

static void generate(const fg_stream *stream, const philox_keys *keys, uint64_t start,
                     ptrdiff_t step, ptrdiff_t count, real *to)
{
    while (count > 0) {
        /* All pieces after the first start at the start of a block. */
        const ptrdiff_t most = step == 1 ? PIECE - (ptrdiff_t)(start % WORDS_PER_BLOCK) : PIECE / 2;
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
