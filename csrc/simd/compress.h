// Packing the elements of a vector that are not zero: every instruction set has its own way, and all give the same list.
#pragma once

#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

#if defined(__AVX2__) && !defined(__AVX512F__)
// Row m holds the numbers of the bits that are set in m, in ascending order.
struct SetBits {
    uint8_t of[256][8];
    constexpr SetBits() : of() {
        for (int mask = 0; mask < 256; ++mask)
            for (int bit = 0, count = 0; bit < 8; ++bit)
                if (mask >> bit & 1) of[mask][count++] = static_cast<uint8_t>(bit);
    }
};
static constexpr SetBits set_bits;
#endif

// Writes the numbers of the lanes of `v` that are not zero (NaN is not), counted from `first`, to `index` in ascending order, and
// returns how many they are. As many elements are written as a vector has lanes.
#if defined(__AVX512F__)
FASTMLP_INLINE int append_nonzero(Vec<float> v, int32_t first, int32_t* index) {
    const __mmask16 set = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const __m512i numbers = (__m512i)(lane_numbers<float>() + broadcast_bits<float>(first));
    _mm512_storeu_si512(index, _mm512_maskz_compress_epi32(set, numbers));
    return __builtin_popcount(set);
}
FASTMLP_INLINE int append_nonzero(Vec<double> v, int32_t first, int32_t* index) {
    const __mmask8 set = _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    const __m256i numbers = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(index), _mm256_maskz_compress_epi32(set, numbers));
    return __builtin_popcount(set);
}
#elif defined(__AVX2__)
FASTMLP_INLINE int append_nonzero(Vec<float> v, int32_t first, int32_t* index) {
    const int set = _mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NEQ_UQ));
    const __m256i numbers = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(set_bits.of[set])));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(index), _mm256_add_epi32(numbers, _mm256_set1_epi32(first)));
    return __builtin_popcount(static_cast<unsigned>(set));
}
FASTMLP_INLINE int append_nonzero(Vec<double> v, int32_t first, int32_t* index) {
    const int set = _mm256_movemask_pd(_mm256_cmp_pd((__m256d)v, _mm256_setzero_pd(), _CMP_NEQ_UQ));
    const __m128i numbers = _mm_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(set_bits.of[set])));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(index), _mm_add_epi32(numbers, _mm_set1_epi32(first)));
    return __builtin_popcount(static_cast<unsigned>(set));
}
#else
template <class V>
FASTMLP_INLINE int append_nonzero(V v, int32_t first, int32_t* index) {
    int count = 0;
    FASTMLP_UNROLL
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(v[0])); ++i) {
        index[count] = first + i;
        count += v[i] != 0;
    }
    return count;
}
#endif

// The lanes of v that are not zero, packed together, and first + their numbers; returns how many. Whole vectors are written.
template <class T>
FASTMLP_INLINE int64_t compress_vector(Vec<T> v, int first, T* values, int32_t* places);

#if defined(__AVX512F__)
template <>
FASTMLP_INLINE int64_t compress_vector<float>(Vec<float> v, int first, float* values, int32_t* places) {
    const __mmask16 kept = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const IntVec<float> numbers = lane_numbers<float>() + broadcast_bits<float>(first);
    store(values, (Vec<float>)_mm512_maskz_compress_ps(kept, (__m512)v));
    store(places, (IntVec<float>)_mm512_maskz_compress_epi32(kept, (__m512i)numbers));
    return __builtin_popcount(kept);
}
template <>
FASTMLP_INLINE int64_t compress_vector<double>(Vec<double> v, int first, double* values, int32_t* places) {
    const __mmask8 kept = _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    const IntVec<double> numbers = lane_numbers<double>() + broadcast_bits<double>(first);
    store(values, (Vec<double>)_mm512_maskz_compress_pd(kept, (__m512d)v));
    const __m512i packed = _mm512_maskz_compress_epi64(kept, (__m512i)numbers);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(places), _mm512_maskz_cvtepi64_epi32(static_cast<__mmask8>(-1), packed));
    return __builtin_popcount(kept);
}
#elif defined(__AVX2__)
template <>
FASTMLP_INLINE int64_t compress_vector<float>(Vec<float> v, int first, float* values, int32_t* places) {
    const int set = _mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NEQ_UQ));
    const __m256i numbers = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(set_bits.of[set])));
    store(values, (Vec<float>)_mm256_permutevar8x32_ps((__m256)v, numbers));
    store(places, (IntVec<float>)_mm256_add_epi32(numbers, _mm256_set1_epi32(first)));
    return __builtin_popcount(static_cast<unsigned>(set));
}
#endif

#if !defined(__AVX512F__)
template <class T>
FASTMLP_INLINE int64_t compress_vector(Vec<T> v, int first, T* values, int32_t* places) {
    int64_t count = 0;
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i) {
        values[count] = v[i];
        places[count] = first + i;
        count += v[i] != 0;
    }
    return count;
}
#endif

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
