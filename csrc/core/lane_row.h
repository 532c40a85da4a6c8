/* A register of 8 or 16 floats as 2 or 4 parts side by side, and the transposition in each part.
 *
 * A part has 4 numbers of one lane; the next part has those of the lane 4 further. Only float on
 * AVX-512 and AVX2 has these registers: FG_TRANSPOSE_VECTORS says so.
 */
#ifndef FG_CORE_LANE_ROW_H
#define FG_CORE_LANE_ROW_H

#include <stddef.h>

#if FG_REAL_BITS == 32 && defined(__AVX512F__)
#define FG_TRANSPOSE_VECTORS 1
#include <immintrin.h>
enum { LANES_OF_A_ROW = 16 };
typedef __m512 lane_row;

static inline lane_row row_of_parts(const char *from, ptrdiff_t part)
{
    __m512 row = _mm512_castps128_ps512(_mm_loadu_ps((const void *)from));
    row = _mm512_insertf32x4(row, _mm_loadu_ps((const void *)(from + part)), 1);
    row = _mm512_insertf32x4(row, _mm_loadu_ps((const void *)(from + 2 * part)), 2);
    return _mm512_insertf32x4(row, _mm_loadu_ps((const void *)(from + 3 * part)), 3);
}

static inline void parts_of_row(char *to, ptrdiff_t part, lane_row row)
{
    _mm_storeu_ps((void *)to, _mm512_castps512_ps128(row));
    _mm_storeu_ps((void *)(to + part), _mm512_extractf32x4_ps(row, 1));
    _mm_storeu_ps((void *)(to + 2 * part), _mm512_extractf32x4_ps(row, 2));
    _mm_storeu_ps((void *)(to + 3 * part), _mm512_extractf32x4_ps(row, 3));
}

#define LOAD_ROW _mm512_loadu_ps
#define STORE_ROW _mm512_storeu_ps
#define LOW_SINGLES _mm512_unpacklo_ps
#define HIGH_SINGLES _mm512_unpackhi_ps
#define LOW_PAIRS(a, b)                                                                            \
    _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))
#define HIGH_PAIRS(a, b)                                                                           \
    _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))

#elif FG_REAL_BITS == 32 && defined(__AVX__)
#define FG_TRANSPOSE_VECTORS 1
#include <immintrin.h>
enum { LANES_OF_A_ROW = 8 };
typedef __m256 lane_row;

static inline lane_row row_of_parts(const char *from, ptrdiff_t part)
{
    const __m256 row = _mm256_castps128_ps256(_mm_loadu_ps((const void *)from));
    return _mm256_insertf128_ps(row, _mm_loadu_ps((const void *)(from + part)), 1);
}

static inline void parts_of_row(char *to, ptrdiff_t part, lane_row row)
{
    _mm_storeu_ps((void *)to, _mm256_castps256_ps128(row));
    _mm_storeu_ps((void *)(to + part), _mm256_extractf128_ps(row, 1));
}

#define LOAD_ROW _mm256_loadu_ps
#define STORE_ROW _mm256_storeu_ps
#define LOW_SINGLES _mm256_unpacklo_ps
#define HIGH_SINGLES _mm256_unpackhi_ps
#define LOW_PAIRS(a, b)                                                                            \
    _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)))
#define HIGH_PAIRS(a, b)                                                                           \
    _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)))
#endif

#ifdef FG_TRANSPOSE_VECTORS
/* Four rows of four become four columns, in each part of the registers. */
#define TRANSPOSE_PARTS(r0, r1, r2, r3)                                                            \
    do {                                                                                           \
        const lane_row low01 = LOW_SINGLES(r0, r1), high01 = HIGH_SINGLES(r0, r1);                 \
        const lane_row low23 = LOW_SINGLES(r2, r3), high23 = HIGH_SINGLES(r2, r3);                 \
        r0 = LOW_PAIRS(low01, low23);                                                              \
        r1 = HIGH_PAIRS(low01, low23);                                                             \
        r2 = LOW_PAIRS(high01, high23);                                                            \
        r3 = HIGH_PAIRS(high01, high23);                                                           \
    } while (0)
#endif

#endif
