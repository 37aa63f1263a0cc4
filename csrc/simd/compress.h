// Packing the elements of a vector that are not zero: every instruction set has its own way, and all give the same list.
// Whole vectors are written, whatever they hold past the elements that count.
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

// A bit a lane: set where the element is not zero (NaN is not).
template <class T>
FASTMLP_INLINE unsigned nonzero_lanes(Vec<T> v) {
    unsigned set = 0;
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i) set |= static_cast<unsigned>(v[i] != 0) << i;
    return set;
}

// The elements of the lanes that are set, one after the other.
template <class T>
FASTMLP_INLINE void store_packed(T* to, Vec<T> v, unsigned set) {
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i) {
        *to = v[i];
        to += set >> i & 1;
    }
}

// first + the numbers of the lanes that are set.
template <class T>
FASTMLP_INLINE void store_packed_numbers(int32_t* to, unsigned set, int32_t first) {
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i) {
        *to = first + i;
        to += set >> i & 1;
    }
}

#if defined(__AVX512F__)
template <>
FASTMLP_INLINE unsigned nonzero_lanes<float>(Vec<float> v) {
    return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
}
template <>
FASTMLP_INLINE unsigned nonzero_lanes<double>(Vec<double> v) {
    return _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
}
template <>
FASTMLP_INLINE void store_packed<float>(float* to, Vec<float> v, unsigned set) {
    store(to, (Vec<float>)_mm512_maskz_compress_ps(static_cast<__mmask16>(set), (__m512)v));
}
template <>
FASTMLP_INLINE void store_packed<double>(double* to, Vec<double> v, unsigned set) {
    store(to, (Vec<double>)_mm512_maskz_compress_pd(static_cast<__mmask8>(set), (__m512d)v));
}
template <>
FASTMLP_INLINE void store_packed_numbers<float>(int32_t* to, unsigned set, int32_t first) {
    const __m512i numbers = (__m512i)(lane_numbers<float>() + broadcast_bits<float>(first));
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(set), numbers));
}
template <>
FASTMLP_INLINE void store_packed_numbers<double>(int32_t* to, unsigned set, int32_t first) {
    const __m256i numbers = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_maskz_compress_epi32(static_cast<__mmask8>(set), numbers));
}
#elif defined(__AVX2__)
template <>
FASTMLP_INLINE unsigned nonzero_lanes<float>(Vec<float> v) {
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}
template <>
FASTMLP_INLINE unsigned nonzero_lanes<double>(Vec<double> v) {
    return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd((__m256d)v, _mm256_setzero_pd(), _CMP_NEQ_UQ)));
}
FASTMLP_INLINE __m128i numbers_of(unsigned set) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(set_bits.of[set])); }
template <>
FASTMLP_INLINE void store_packed<float>(float* to, Vec<float> v, unsigned set) {
    store(to, (Vec<float>)_mm256_permutevar8x32_ps((__m256)v, _mm256_cvtepu8_epi32(numbers_of(set))));
}
template <>
FASTMLP_INLINE void store_packed_numbers<float>(int32_t* to, unsigned set, int32_t first) {
    const __m256i numbers = _mm256_cvtepu8_epi32(numbers_of(set));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_add_epi32(numbers, _mm256_set1_epi32(first)));
}
template <>
FASTMLP_INLINE void store_packed_numbers<double>(int32_t* to, unsigned set, int32_t first) {
    const __m128i numbers = _mm_cvtepu8_epi32(numbers_of(set));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_add_epi32(numbers, _mm_set1_epi32(first)));
}
#endif

// first + the numbers of the lanes of v that are not zero; returns how many they are.
template <class T>
FASTMLP_INLINE int append_nonzero(Vec<T> v, int32_t first, int32_t* places) {
    const unsigned set = nonzero_lanes<T>(v);
    store_packed_numbers<T>(places, set, first);
    return __builtin_popcount(set);
}

// The same, and the elements.
template <class T>
FASTMLP_INLINE int append_nonzero(Vec<T> v, int32_t first, int32_t* places, T* values) {
    const unsigned set = nonzero_lanes<T>(v);
    store_packed<T>(values, v, set);
    store_packed_numbers<T>(places, set, first);
    return __builtin_popcount(set);
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
