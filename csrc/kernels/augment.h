// Pictures changed on their way in: resampled through a map, and the smooth random fields that bend it.
#pragma once

#include "kernels/philox.h"

namespace fastmlp {
namespace FASTMLP_ISA {

FASTMLP_INLINE float within(float value, float least, float most) {
    const float above = value > least ? value : least;  // NaN becomes `least`
    return above < most ? above : most;
}

template <class T>
void warp(const WarpArguments<T>& of) {
    const int64_t row = of.width + 3;
    const float bottom = static_cast<float>(of.height), end = static_cast<float>(of.width);
    for (int64_t r = 0; r < of.height; ++r) {
        for (int64_t c = 0; c < of.width; ++c) {
            const int64_t place = r * of.width + c;
            const float i = static_cast<float>(r), j = static_cast<float>(c);
            float y = of.map[0] * i + of.map[1] * j + of.map[2];
            float x = of.map[3] * i + of.map[4] * j + of.map[5];
            if (of.down != nullptr) {
                y += of.down[place];
                x += of.right[place];
            }
            y = within(y, -1, bottom) + 1;  // from the first row of zeros on
            x = within(x, -1, end) + 1;
            const int32_t top = static_cast<int32_t>(y), left = static_cast<int32_t>(x);
            const T low = static_cast<T>(y - static_cast<float>(top)), near = static_cast<T>(x - static_cast<float>(left));
            const T* const corner = of.from + top * row + left;
            const T upper = (1 - near) * corner[0] + near * corner[1], lower = (1 - near) * corner[row] + near * corner[row + 1];
            of.to[place] = (1 - low) * upper + low * lower;
        }
    }
}

// sums = the rows of x around each, weighted; beyond the edge there is nothing.
inline void smooth_down(const FieldArguments& of, const float* x, float* sums) {
    for (int64_t r = 0; r < of.height; ++r) {
        float* const to = sums + r * of.width;
        for (int64_t c = 0; c < of.width; ++c) to[c] = 0;
        const int64_t first = r < of.radius ? of.radius - r : 0;
        const int64_t last = of.height - 1 - r < of.radius ? of.radius + of.height - 1 - r : 2 * of.radius;
        for (int64_t k = first; k <= last; ++k) {
            const float* const from = x + (r + k - of.radius) * of.width;
            for (int64_t c = 0; c < of.width; ++c) to[c] += of.taps[k] * from[c];
        }
    }
}

inline void smooth_along(const FieldArguments& of, const float* x, float* sums, float* wide) {
    for (int64_t c = 0; c < of.width + 2 * of.radius; ++c) wide[c] = 0;
    for (int64_t r = 0; r < of.height; ++r) {
        float* const to = sums + r * of.width;
        for (int64_t c = 0; c < of.width; ++c) wide[of.radius + c] = x[r * of.width + c];
        for (int64_t c = 0; c < of.width; ++c) to[c] = 0;
        for (int64_t k = 0; k <= 2 * of.radius; ++k)
            for (int64_t c = 0; c < of.width; ++c) to[c] += of.taps[k] * wide[c + k];
    }
}

inline void random_field(const FieldArguments& of) {
    const int64_t pixels = of.height * of.width;
    for (int64_t p = 0; p < pixels; p += 4 * philox_places) {
        const PhiloxPlaces places(of.stream, of.sample, static_cast<uint32_t>(p / 4));
        for (int i = 0; i < philox_places; ++i)
            for (int w = 0; w < 4; ++w)
                of.field[p + 4 * i + w] = static_cast<float>(static_cast<int32_t>(places.word[w][i])) * 0x1p-31f * of.scale;
    }
    smooth_down(of, of.field, of.scratch);
    smooth_along(of, of.scratch, of.field, of.scratch + pixels);
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
