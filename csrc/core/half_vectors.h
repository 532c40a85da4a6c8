/* float16 by the CPU's conversion instructions, where it has them: as half.h, 16 at a time.
 *
 * The bits are the same. To float both are exact. Back both round once, to nearest even, whatever
 * the floating-point environment, and NaN becomes the one NaN of half.h. A signalling NaN becomes
 * quiet here when it is loaded, and in half.h at the first arithmetic.
 */
#ifndef FG_CORE_HALF_VECTORS_H
#define FG_CORE_HALF_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#if FG_REAL_BITS == 32 && defined(__F16C__) && defined(__AVX2__)
#define FG_HALF_VECTORS 1
#include <immintrin.h>

/* The first whole groups of 16; returns how many elements these are. */
static ptrdiff_t load_f16_vectors(const char *source, ptrdiff_t count, float *to)
{
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m256i halves = _mm256_loadu_si256((const void *)(source + 2 * i));
#if defined(__AVX512F__)
        _mm512_storeu_ps(to + i, _mm512_cvtph_ps(halves));
#else
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm256_castsi256_si128(halves)));
        _mm256_storeu_ps(to + i + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1)));
#endif
    }
    return i;
}

static ptrdiff_t store_f16_vectors(char *target, ptrdiff_t count, const float *from)
{
    const __m256i magnitude = _mm256_set1_epi16(0x7fff), infinity = _mm256_set1_epi16(0x7c00);
    const __m256i quiet = _mm256_set1_epi16(0x7e00);
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
#if defined(__AVX512F__)
        const __m256i halves = _mm512_cvtps_ph(_mm512_loadu_ps(from + i), 0); /* to nearest even */
#else
        const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), 0);
        const __m128i high = _mm256_cvtps_ph(_mm256_loadu_ps(from + i + 8), 0);
        const __m256i halves = _mm256_set_m128i(high, low);
#endif
        const __m256i size = _mm256_and_si256(halves, magnitude);
        const __m256i sign = _mm256_andnot_si256(magnitude, halves);
        const __m256i nan = _mm256_cmpgt_epi16(size, infinity);
        const __m256i result = _mm256_blendv_epi8(halves, _mm256_or_si256(sign, quiet), nan);
        _mm256_storeu_si256((void *)(target + 2 * i), result);
    }
    return i;
}

#else
#define FG_HALF_VECTORS 0
#endif

#endif
