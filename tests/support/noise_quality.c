/* Statistical tests of the noise. .ci/noise-quality compiles and runs them.
 *
 *     noise_quality normals LOG2 [FAULT]   tests 2^LOG2 normals; fails if one has p < 1e-6 / tests
 *     noise_quality bits FORM              writes random bits without end, for another program
 *
 * FAULT is a faulty generator that the tests must detect: cut (no normal beyond 5.42), coarse
 * (uniforms of 24 bits), swapped (words of the counter), rounds5. Statistics of normals do not
 * detect the last two. Known answers and the avalanche of counter bits do. This file includes the
 * formulas, because it needs them: compile it like csrc/noise/ops.c.
 */
#include "noise/ops.c"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { BINS = 65536, CELLS = 256, LAGS = 8, MOMENTS = 8, TAILS = 7, CHUNK = 1 << 16 };

enum fault { NONE, CUT, COARSE, SWAPPED, ROUNDS5, FAULTS };
static const char *const fault_names[FAULTS] = {"none", "cut", "coarse", "swapped", "rounds5"};

static const uint64_t key = 0x243f6a8885a308d3;
static const double tails[TAILS] = {3, 4, 5, 5.42, 5.77, 6, 6.5};
static const int lags[LAGS] = {1, 2, 3, 4, 7, 16, 63, 64};

static uint64_t bin_count[BINS], tail_count[TAILS];
static double bin_share[BINS], cell_share[CELLS], moment_sum[MOMENTS];
static uint8_t cell_of_bin[BINS];
static uint32_t pair_count[LAGS][CELLS][CELLS];
static int tests;
static double worst = 1;

/* The rounds as in the paper. They are the reference for known answers, and make the faulty blocks.
 */
static void block_of(const uint32_t counter[4], uint64_t k, int rounds, uint32_t word[4])
{
    uint32_t even = (uint32_t)k, odd = (uint32_t)(k >> 32);
    memcpy(word, counter, 4 * sizeof *word);
    for (int r = 0; r < rounds; r++) {
        const uint64_t p = (uint64_t)0xD2511F53u * word[0], q = (uint64_t)0xCD9E8D57u * word[2];
        const uint32_t next[4] = {(uint32_t)(q >> 32) ^ word[1] ^ even, (uint32_t)q,
                                  (uint32_t)(p >> 32) ^ word[3] ^ odd, (uint32_t)p};
        memcpy(word, next, sizeof next);
        even += 0x9E3779B9u, odd += 0xBB67AE85u;
    }
}

static void faulty_block(enum fault fault, const uint32_t counter[4], uint32_t word[4])
{
    const uint32_t swapped[4] = {counter[1], counter[0], counter[2], counter[3]};
    block_of(fault == SWAPPED ? swapped : counter, key, fault == ROUNDS5 ? 5 : PHILOX_ROUNDS, word);
}

/* CHUNK words of the stream, from word `start` on. */
static void make_words(enum fault fault, uint64_t start, real_bits *words)
{
    const fg_stream stream = {.noise = FG_NORMAL, .key = key};
    if (fault == SWAPPED || fault == ROUNDS5) {
        for (ptrdiff_t b = 0; b < CHUNK / WORDS_PER_BLOCK; b++) {
            const uint64_t block = start / WORDS_PER_BLOCK + (uint64_t)b;
            const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
            uint32_t word[4];
            faulty_block(fault, counter, word);
            memcpy(words + b * WORDS_PER_BLOCK, word, sizeof word);
        }
        return;
    }
    philox_keys keys;
    philox_set_keys(&keys, key);
    successive(&stream, &keys, start, CHUNK / WORDS_PER_BLOCK, words);
    if (fault == COARSE) /* u = (k + 1) / 2^24 */
        for (ptrdiff_t i = 0; i < CHUNK; i++)
            words[i] |= ((real_bits)1 << (FG_REAL_BITS - 24)) - 1;
}

static void make_normals(enum fault fault, uint64_t start, real *z)
{
    static real_bits words[CHUNK];
    make_words(fault, start, words);
    for (ptrdiff_t i = 0; i < CHUNK; i += PIECE) {
        real_bits first[PIECE / 2], second[PIECE / 2];
        for (ptrdiff_t k = 0; k < PIECE / 2; k++)
            first[k] = words[i + 2 * k], second[k] = words[i + 2 * k + 1];
        normals(first, second, z + i, PIECE / 2);
    }
    if (fault == CUT)
        for (ptrdiff_t i = 1; i < CHUNK; i++)
            z[i] = real_abs(z[i]) > 5.42 ? z[i - 1] : z[i];
}

/* The probabilities of bins 1/4096 wide in [-8, 8), where the end bins are open, and of cells of
 * about 1/256. */
static void make_shares(void)
{
    double below = 0;
    for (int k = 0; k < BINS; k++) {
        const double low = k == 0 ? -40 : k / 4096.0 - 8;
        const double high = k == BINS - 1 ? 40 : (k + 1) / 4096.0 - 8;
        bin_share[k] = low < 0 ? (erfc(-high / sqrt(2)) - erfc(-low / sqrt(2))) / 2
                               : (erfc(low / sqrt(2)) - erfc(high / sqrt(2))) / 2;
        cell_of_bin[k] = (uint8_t)(below * CELLS < CELLS - 1 ? below * CELLS : CELLS - 1);
        cell_share[cell_of_bin[k]] += bin_share[k];
        below += bin_share[k];
    }
}

static void count_normals(const real *z, bool pairs)
{
    static uint8_t cell[CHUNK + 64]; /* the first 64 are the last of the chunk before */
    memcpy(cell, cell + CHUNK, 64);
    for (ptrdiff_t i = 0; i < CHUNK; i++) {
        const double x = z[i], place = (x + 8) * 4096;
        const int bin = place < 0 ? 0 : place >= BINS ? BINS - 1 : (int)place;
        bin_count[bin]++;
        cell[64 + i] = cell_of_bin[bin];
        if (fabs(x) > tails[0])
            for (int t = 0; t < TAILS; t++)
                tail_count[t] += fabs(x) > tails[t];
    }
    double sum[MOMENTS] = {0};
    for (ptrdiff_t i = 0; i < CHUNK; i++) {
        const double x = z[i];
        double power = 1;
        for (int k = 0; k < MOMENTS; k++)
            sum[k] += power *= x;
    }
    for (int k = 0; k < MOMENTS; k++)
        moment_sum[k] += sum[k];
    for (int l = 0; pairs && l < LAGS; l++)
        for (ptrdiff_t i = 64; i < CHUNK + 64; i++)
            pair_count[l][cell[i - lags[l]]][cell[i]]++;
}

static void report(const char *name, double value, double expected, double p)
{
    tests++;
    worst = p < worst ? p : worst;
    printf("  %-22s %18.6g %18.6g   p = %.3g\n", name, value, expected, p);
}

static double two_sided(double z)
{
    return erfc(fabs(z) / sqrt(2));
}

/* Twice the smaller tail of a Poisson distribution; for a large mean, of its normal approximation.
 */
static double rare(double count, double mean)
{
    if (mean > 1000)
        return two_sided((count - mean) / sqrt(mean));
    double at_most = 0, below = 0;
    for (double k = 0; k <= count; k++) {
        below = at_most;
        at_most += exp(k * log(mean) - mean - lgamma(k + 1));
    }
    return fmin(1, 2 * fmin(at_most, fmax(0, 1 - below)));
}

/* The approximation of Wilson and Hilferty. */
static double chi_squared(double x, double freedom)
{
    const double v = 2 / (9 * freedom);
    return two_sided((cbrt(x / freedom) - (1 - v)) / sqrt(v));
}

static void test_bins(double n)
{
    double x = 0, expected = 0, count = 0;
    int cells = 0;
    for (int k = 0; k < BINS; k++) {
        expected += n * bin_share[k], count += (double)bin_count[k];
        if (expected < 64 && k < BINS - 1) /* bins of few expected numbers are joined */
            continue;
        x += (count - expected) * (count - expected) / expected;
        cells++, expected = count = 0;
    }
    report("bins", x, cells - 1, chi_squared(x, cells - 1));
}

static void test_pairs(double n)
{
    for (int l = 0; l < LAGS; l++) {
        double x = 0;
        char name[32];
        for (int i = 0; i < CELLS; i++)
            for (int j = 0; j < CELLS; j++) {
                const double expected = n * cell_share[i] * cell_share[j];
                x += pow(pair_count[l][i][j] - expected, 2) / expected;
            }
        snprintf(name, sizeof name, "pairs %d apart", lags[l]);
        report(name, x, CELLS * CELLS - 1, chi_squared(x, CELLS * CELLS - 1));
    }
}

static void test_moments(double n)
{
    const double moment[2 * MOMENTS + 1] = {1, 0,   1, 0,     3, 0,      15, 0,      105,
                                            0, 945, 0, 10395, 0, 135135, 0,  2027025};
    for (int k = 1; k <= MOMENTS; k++) {
        const double deviation = sqrt((moment[2 * k] - moment[k] * moment[k]) / n);
        const double mean = moment_sum[k - 1] / n;
        char name[32];
        snprintf(name, sizeof name, "mean of z^%d", k);
        report(name, mean, moment[k], two_sided((mean - moment[k]) / deviation));
    }
}

/* The avalanche: each bit of the counter should change each output bit half of the time. */
static void test_avalanche(enum fault fault)
{
    enum { DRAWS = 1 << 15 };
    static uint32_t flips[128][128];
    double x = 0;
    for (uint32_t n = 0; n < DRAWS; n++) {
        const uint32_t seed[4] = {n, 1, 2, 3};
        uint32_t counter[4], word[4], other[4];
        block_of(seed, ~key, PHILOX_ROUNDS, counter);
        faulty_block(fault, counter, word);
        for (int i = 0; i < 128; i++) {
            counter[i / 32] ^= (uint32_t)1 << i % 32;
            faulty_block(fault, counter, other);
            counter[i / 32] ^= (uint32_t)1 << i % 32;
            for (int j = 0; j < 128; j++)
                flips[i][j] += (word[j / 32] ^ other[j / 32]) >> j % 32 & 1;
        }
    }
    for (int i = 0; i < 128; i++)
        for (int j = 0; j < 128; j++)
            x += pow(flips[i][j] - DRAWS / 2.0, 2) / (DRAWS / 4.0);
    report("avalanche", x, 128 * 128, chi_squared(x, 128 * 128));
}

/* The known answers of Random123, and one more whose counter words differ from each other. */
static void test_known(enum fault fault)
{
    static real_bits words[CHUNK];
    uint32_t word[4];
    const uint32_t counter[4] = {1, 0, 0, 0},
                   pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x3707344};
    block_of(pi, 0x299f31d0a4093822, PHILOX_ROUNDS, word);
    bool right = word[0] == 0xd16cfe09 && word[3] == 0x24126ea1;
    block_of(counter, key, PHILOX_ROUNDS, word);
    make_words(fault == COARSE ? NONE : fault, 0, words);
    right = right && memcmp(words + WORDS_PER_BLOCK, word, sizeof word) == 0;
    report("known answers", right, 1, right ? 1 : 0);
}

static int test_normals(int log2, enum fault fault)
{
    static real z[CHUNK];
    const uint64_t n = (uint64_t)1 << log2, of_pairs = n < 1u << 30 ? n : 1u << 30;
    make_shares();
    for (uint64_t i = 0; i < n; i += CHUNK) {
        make_normals(fault, i, z);
        count_normals(z, i > 0 && i <= of_pairs);
    }
    printf("2^%d normals of %d bits, fault: %s\n", log2, FG_REAL_BITS, fault_names[fault]);
    for (int t = 0; t < TAILS; t++) {
        char name[32];
        const double expected = (double)n * erfc(tails[t] / sqrt(2));
        snprintf(name, sizeof name, "beyond %g", tails[t]);
        report(name, (double)tail_count[t], expected, rare((double)tail_count[t], expected));
    }
    test_bins((double)n);
    test_moments((double)n);
    double counted = 0;
    for (int i = 0; i < CELLS * CELLS; i++)
        counted += pair_count[0][i / CELLS][i % CELLS];
    test_pairs(counted);
    test_avalanche(fault);
    test_known(fault);
    const bool rejected = worst < 1e-6 / tests;
    printf("  %s: smallest p = %.3g of %d tests\n", rejected ? "REJECTED" : "passed", worst, tests);
    return rejected;
}

static uint64_t reversed(uint64_t x)
{
    uint64_t y = 0;
    for (int i = 0; i < 64; i++, x >>= 1)
        y = y << 1 | (x & 1);
    return y;
}

/* The key and counter of the n-th block. */
static uint64_t form_of(const char *form, uint64_t n, uint64_t *low, uint64_t *high)
{
    *low = n, *high = 0;
    if (strcmp(form, "keys") == 0) { /* 256 neighbouring keys in turn, then the next counter */
        *low = n >> 8;
        return key + (n & 255);
    }
    if (strcmp(form, "weight1") == 0) { /* keys with one bit set */
        *low = n >> 6;
        return (uint64_t)1 << (n & 63);
    }
    if (strcmp(form, "interleaved") == 0) { /* 8 streams far apart */
        *low = n >> 3, *high = n & 7;
        return key;
    }
    if (strcmp(form, "stride32") == 0)
        *low = n << 32 | n >> 32;
    if (strcmp(form, "stride64") == 0)
        *low = 0, *high = n;
    return key;
}

static int write_bits(const char *form)
{
    const char *const forms[] = {"plain",    "keys",     "weight1", "interleaved",
                                 "stride32", "stride64", "reversed"};
    bool known = false;
    for (int k = 0; k < 7; k++)
        known = known || strcmp(form, forms[k]) == 0;
    static uint64_t out[2 * 4096];
    for (uint64_t n = 0; known; n += 4096) {
        for (uint64_t b = 0; b < 4096; b++) {
            uint64_t low, high;
            const uint64_t k = form_of(form, n + b, &low, &high);
            const uint32_t counter[4] = {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high,
                                         (uint32_t)(high >> 32)};
            uint32_t word[4];
            block_of(counter, k, PHILOX_ROUNDS, word);
            memcpy(out + 2 * b, word, sizeof word);
            for (int i = 0; i < 2 && form[0] == 'r'; i++)
                out[2 * b + i] = reversed(out[2 * b + i]);
        }
        if (fwrite(out, sizeof out, 1, stdout) != 1)
            return 0;
    }
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "bits") == 0)
        return write_bits(argv[2]);
    for (int fault = NONE; fault < FAULTS; fault++)
        if (argc > 2 && strcmp(argc > 3 ? argv[3] : "none", fault_names[fault]) == 0)
            return test_normals(atoi(argv[2]), (enum fault)fault);
    fputs("noise_quality normals LOG2 [FAULT] | bits FORM\n", stderr);
    return 2;
}
