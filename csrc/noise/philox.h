/* Philox4x32-10: block b of a key's stream is ten rounds of a keyed bijection of the counter b.
 *
 * A round is  c0, c1, c2, c3 = hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0).
 * After it, a constant is added to the key. A block is four words of 32 bits, and depends on key
 * and counter alone. So any slice of a stream can be made without the rest.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; words
 * and their order as in Random123, which has passed BigCrush.
 *
 * Each word has a lane of 64 bits. The multiplication reads the low half of each lane and fills
 * both halves, so no shuffle is needed between rounds; the high half is never read. Four vectors go
 * through the rounds together, because the operations of a round depend on each other. All loops
 * over them are unrolled: in a loop that is not, GCC keeps the vectors in memory. The code names
 * vectors and the multiplication's instruction, because GCC and Clang do not find it in plain C.
 */
#ifndef FG_NOISE_PHILOX_H
#define FG_NOISE_PHILOX_H

#include "core/real.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define PHILOX_BYTES 64
#define PHILOX_MULTIPLY(a, b) (philox_lanes) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#elif defined(__AVX2__)
#include <immintrin.h>
#define PHILOX_BYTES 32
#define PHILOX_MULTIPLY(a, b) (philox_lanes) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define PHILOX_BYTES 16
#define PHILOX_MULTIPLY(a, b) (philox_lanes) _mm_mul_epu32((__m128i)(a), (__m128i)(b))
#else
#define PHILOX_BYTES 16
#define PHILOX_MULTIPLY(a, b) (((a) & PHILOX_LOW) * (b))
#endif

typedef uint64_t philox_lanes __attribute__((vector_size(PHILOX_BYTES)));

enum {
    PHILOX_ROUNDS = 10,
    PHILOX_LANES = PHILOX_BYTES / 8,
    PHILOX_VECTORS = 4,
    PHILOX_BLOCKS = PHILOX_VECTORS * PHILOX_LANES, /* made at a time */
};

#define PHILOX_LOW ((uint64_t)0xffffffffu)

typedef struct {
    philox_lanes even[PHILOX_ROUNDS], odd[PHILOX_ROUNDS];
} philox_keys;

static inline void philox_set_keys(philox_keys *keys, uint64_t key)
{
    const philox_lanes none = {0};
    uint32_t even = (uint32_t)key, odd = (uint32_t)(key >> 32);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        keys->even[r] = none + even;
        keys->odd[r] = none + odd;
        even += 0x9E3779B9u; /* the golden ratio */
        odd += 0xBB67AE85u;  /* sqrt(3) - 1 */
    }
}

/* Counters, and then words, of PHILOX_BLOCKS blocks: four to a block, in the low half of each lane.
 */
typedef struct {
    philox_lanes c0[PHILOX_VECTORS], c1[PHILOX_VECTORS], c2[PHILOX_VECTORS], c3[PHILOX_VECTORS];
} philox_blocks;

/* The counters low + 2^64 high. */
static inline philox_blocks philox_counters(const uint64_t *low, const uint64_t *high)
{
    philox_blocks x;
#pragma GCC unroll 4
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        memcpy(&x.c0[v], low + v * PHILOX_LANES, sizeof x.c0[v]);
        memcpy(&x.c2[v], high + v * PHILOX_LANES, sizeof x.c2[v]);
        x.c1[v] = x.c0[v] >> 32;
        x.c3[v] = x.c2[v] >> 32;
    }
    return x;
}

/* Successive counters, the first of which is low + 2^64 high. */
static inline philox_blocks philox_successive(uint64_t low, uint64_t high)
{
    const philox_lanes none = {0};
    philox_lanes place;
    philox_blocks x;
    for (unsigned l = 0; l < PHILOX_LANES; l++)
        place[l] = l;
#pragma GCC unroll 4
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        x.c0[v] = none + (low + (uint64_t)(v * PHILOX_LANES)) + place;
        x.c2[v] = none + high - (philox_lanes)(x.c0[v] < low);
        x.c1[v] = x.c0[v] >> 32;
        x.c3[v] = x.c2[v] >> 32;
    }
    return x;
}

/* Make words of counters. */
static inline philox_blocks philox(const philox_keys *keys, philox_blocks x)
{
    const philox_lanes none = {0}, m0 = none + 0xD2511F53u, m1 = none + 0xCD9E8D57u;
#pragma GCC unroll 10
    for (int r = 0; r < PHILOX_ROUNDS; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PHILOX_VECTORS; v++) {
            const philox_lanes p = PHILOX_MULTIPLY(x.c0[v], m0), q = PHILOX_MULTIPLY(x.c2[v], m1);
            x.c0[v] = (q >> 32) ^ (x.c1[v] ^ keys->even[r]);
            x.c1[v] = q;
            x.c2[v] = (p >> 32) ^ (x.c3[v] ^ keys->odd[r]);
            x.c3[v] = p;
        }
    return x;
}

/* Store numbers of 64 bits that have one word of each block in the lower half, one in the upper. */
static inline void philox_store(const philox_lanes *low, const philox_lanes *high,
                                void *restrict to)
{
#pragma GCC unroll 4
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        const philox_lanes number = (low[v] & PHILOX_LOW) | (high[v] << 32);
        memcpy((char *)to + v * PHILOX_BYTES, &number, sizeof number);
    }
}

#endif
