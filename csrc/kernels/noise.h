// Normal random numbers added to inputs: G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958), in float.
#pragma once

#include "kernels/philox.h"
#include "simd/approx.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// sin(pi x) for |x| <= 1/2, by its series.
FASTMLP_INLINE Vec<float> sine_of_pi(Vec<float> x) {
    constexpr float terms[] = {-5.1677127800f, 2.5501640399f, -0.5992645293f, 0.0821458866f, -0.0073704309f, 0.0004663028f};
    const Vec<float> z = x * x;
    Vec<float> sum = broadcast<float>(terms[5]);
    FASTMLP_UNROLL
    for (int i = 4; i >= 0; --i) sum = fma(sum, z, broadcast<float>(terms[i]));
    return fma(sum * z, x, broadcast<float>(3.1415926536f) * x);
}

// Two vectors of N(0, 1) from two of random words.
FASTMLP_INLINE void normal_vectors(const uint32_t* first, const uint32_t* second, float* normals) {
    Vec<float> unit, turn;
    for (int i = 0; i < lanes<float>; ++i) {
        unit[i] = (static_cast<float>(first[i] >> 8) + 0.5f) * 0x1p-24f;                // in (0, 1), exactly
        turn[i] = static_cast<float>(static_cast<int32_t>(second[i]) >> 8) * 0x1p-23f;  // in [-1, 1)
    }
    const Vec<float> radius = sqrt(broadcast<float>(-2.0f) * Approx<float>::log(unit));
    const Vec<float> half = broadcast<float>(0.5f), one = broadcast<float>(1.0f), size = absolute<float>(turn);
    const Vec<float> folded = turn < Vec<float>{} ? size - one : one - size;  // sin(pi (1 - x)) = sin(pi x)
    store(normals, radius * sine_of_pi(size > half ? folded : turn));
    store(normals + philox_places, radius * sine_of_pi(half - size));  // the cosine
}

// Elements 64 b ... 64 b + 63 of a row belong to places 16 b ... 16 b + 15: sines and cosines of the words 0, 1, then of the words 2, 3.
template <class T>
void add_noise(const NoiseArguments<T>& of) {
    constexpr int64_t block = 4 * philox_places;
    for (int64_t r = 0; r < of.rows; ++r) {
        T* const x = of.x + r * of.x_row;
        for (int64_t j = 0; j < of.columns; j += block) {
            const PhiloxPlaces places(of.stream, of.first_row + static_cast<uint32_t>(r), static_cast<uint32_t>(j / 4));
            float normals[block];
            for (int pair = 0; pair < 2; ++pair)
                for (int i = 0; i < philox_places; i += lanes<float>)
                    normal_vectors(places.word[2 * pair] + i, places.word[2 * pair + 1] + i, normals + 2 * pair * philox_places + i);
            const int64_t count = of.columns - j < block ? of.columns - j : block;
            for (int64_t i = 0; i < count; ++i) x[j + i] += of.deviation * static_cast<T>(normals[i]);
        }
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
