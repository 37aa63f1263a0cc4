// Dropout: which units of a layer take part in a step, and what that does to their outputs and deltas.
// A mask holds a bit a unit, a byte for 8 of them: what one call of the generator (random/philox.h) decides for one place.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/philox.h"
#include "kernels/transpose.h"

namespace fastmlp {
namespace FASTMLP_ISA {

inline void drop_mask(const DropMaskArguments& of) {
    for (int64_t r = 0; r < of.rows; ++r) {
        uint8_t* const mask = of.mask + r * of.mask_row;
        for (int64_t b = 0; b < of.mask_row; b += philox_places) {
            const PhiloxPlaces places(of.stream, of.first_row + static_cast<uint32_t>(r), static_cast<uint32_t>(b));
            uint32_t kept[philox_places] = {};
            for (int w = 0; w < 4; ++w) {
                for (int i = 0; i < philox_places; ++i) {
                    kept[i] |= static_cast<uint32_t>((places.word[w][i] & 0xffff) < of.threshold) << (2 * w);
                    kept[i] |= static_cast<uint32_t>((places.word[w][i] >> 16) < of.threshold) << (2 * w + 1);
                }
            }
            for (int i = 0; i < philox_places; ++i) mask[b + i] = static_cast<uint8_t>(kept[i]);
        }
    }
}

// Lanes whose bit is set, times `scale`; the others zero. j: the unit of the first lane.
template <class T>
FASTMLP_INLINE Vec<T> keep_set(Vec<T> v, const uint8_t* mask, int64_t j, Vec<T> scale) {
    const uint8_t* const from = mask + j / 8;
    const uint32_t set =
        (static_cast<uint32_t>(from[0]) | static_cast<uint32_t>(from[1]) << 8 | static_cast<uint32_t>(from[2]) << 16) >> (j % 8);
    const IntVec<T> bit = (broadcast_bits<T>(static_cast<Bits<T>>(set)) >> lane_numbers<T>()) & broadcast_bits<T>(1);
    return bit != IntVec<T>{} ? v * scale : Vec<T>{};
}

template <class T>
void drop(const DropArguments<T>& of) {
    const Vec<T> scale = broadcast<T>(of.scale);
    for (int64_t i = 0; i < of.rows; ++i) {
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const Vec<T> v = load(of.x + i * of.x_row + j);
            if (of.whole != nullptr) store(of.whole + i * of.x_row + j, v);
            store(of.x + i * of.x_row + j, keep_set<T>(v, of.mask + i * of.mask_row, of.first_column + j, scale));
        }
    }
}

template <class T>
void drop_back(const DropArguments<T>& of, T* x_t, int64_t x_t_row) {
    const Vec<T> scale = broadcast<T>(of.scale);
    for (int64_t i = 0; i < of.rows; i += lanes<T>) {
        const int height = static_cast<int>(of.rows - i < lanes<T> ? of.rows - i : lanes<T>);
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const int width = static_cast<int>(of.columns - j < lanes<T> ? of.columns - j : lanes<T>);
            T* const place = of.x + i * of.x_row + j;
            Vec<T> square[lanes<T>];
            FASTMLP_UNROLL
            for (int s = 0; s < lanes<T>; ++s) {
                square[s] = Vec<T>{};
                if (s >= height) continue;
                square[s] =
                    keep_set<T>(load_partial(place + s * of.x_row, width), of.mask + (i + s) * of.mask_row, of.first_column + j, scale);
                store_partial(place + s * of.x_row, square[s], width);
            }
            if (x_t == nullptr) continue;
            transpose<T>(square);
            for (int f = 0; f < width; ++f) store(x_t + (j + f) * x_t_row + i, square[f]);
        }
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
