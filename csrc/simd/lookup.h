// A short table of numbers in registers, looked up by bytes lane by lane: what a gather does, without memory.
#pragma once

#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

constexpr int table_size = 128;

#if defined(__AVX512F__)
template <class T>
constexpr bool has_tables = sizeof(T) == 4;  // 128 numbers of eight bytes would take half of the registers, and be no faster
#else
template <class T>
constexpr bool has_tables = false;
#endif

#if defined(__AVX512F__)
struct NumberTable {
    __m512 part[8];

    FASTMLP_INLINE explicit NumberTable(const float* numbers) {
        FASTMLP_UNROLL
        for (int i = 0; i < 8; ++i) part[i] = _mm512_loadu_ps(numbers + 16 * i);
    }
    // numbers[places[lane]]
    FASTMLP_INLINE Vec<float> at(const uint8_t* places) const {
        const __m512i index =
            _mm512_maskz_cvtepu8_epi32(static_cast<__mmask16>(-1), _mm_loadu_si128(reinterpret_cast<const __m128i*>(places)));
        const __mmask16 second = _mm512_test_epi32_mask(index, _mm512_set1_epi32(32)),
                        upper = _mm512_test_epi32_mask(index, _mm512_set1_epi32(64));
        const __m512 low = _mm512_mask_blend_ps(second, of_pair(0, index), of_pair(2, index));
        const __m512 high = _mm512_mask_blend_ps(second, of_pair(4, index), of_pair(6, index));
        return (Vec<float>)_mm512_mask_blend_ps(upper, low, high);
    }

private:
    FASTMLP_INLINE __m512 of_pair(int first, __m512i index) const { return _mm512_permutex2var_ps(part[first], index, part[first + 1]); }
};
#endif

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
