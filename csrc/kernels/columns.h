// The ends of the products where samples stand in the lanes: a matrix (features x samples), a row a feature.
#pragma once

#include "kernels/elementwise.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class Wider, class Source, class T>
FASTMLP_INLINE T converted(Source value, const double* shift, const double* scale, int64_t j) {
    if (shift == nullptr) return static_cast<T>(value);
    return static_cast<T>((static_cast<Wider>(value) - static_cast<Wider>(shift[j])) * static_cast<Wider>(scale[j]));
}

// x (columns of the source x rows), converted and scaled as in gather; lanes past the last sample are zeroed.
template <class Source, class T>
T gather_columns(const GatherArguments& from, T* x, int64_t x_row) {
    using Wider = typename WiderOf<Source, T>::type;
    for (int64_t i = 0; i < from.rows; i += lanes<T>) {
        const int64_t samples = from.rows - i < lanes<T> ? from.rows - i : lanes<T>;
        const Source* sample[lanes<T>];
        for (int64_t s = 0; s < samples; ++s)
            sample[s] = reinterpret_cast<const Source*>(static_cast<const char*>(from.source) +
                                                        (from.index ? from.index[i + s] : i + s) * from.source_row);
        for (int64_t j = 0; j < from.columns; ++j) {
            T* const to = x + j * x_row + i;
            if (samples < lanes<T>) store(to, Vec<T>{});
            for (int64_t s = 0; s < samples; ++s) to[s] = converted<Wider, Source, T>(sample[s][j], from.shift, from.scale, j);
        }
    }
    Peak<T> peak;
    for (int64_t j = 0; j < from.columns; ++j)
        for (int64_t i = 0; i < from.rows; i += lanes<T>) peak.see(load(x + j * x_row + i));
    return peak.value();
}

// delta_t (features x samples) holds dL/dy; it becomes dL/dz = dL/dy * slope(y), and delta its transpose.
template <class Activation, class T>
T backward_columns(int64_t features, int64_t samples, T* delta_t, int64_t delta_t_row, const T* y, int64_t y_row, T* delta,
                   int64_t delta_row) {
    Peak<T> peak;
    for (int64_t j = 0; j < samples; j += lanes<T>) {
        const int64_t valid = samples - j < lanes<T> ? samples - j : lanes<T>;
        for (int64_t i = 0; i < features; i += lanes<T>) {
            const int count = static_cast<int>(features - i < lanes<T> ? features - i : lanes<T>);
            Vec<T> square[lanes<T>];
            FASTMLP_UNROLL
            for (int f = 0; f < lanes<T>; ++f) {
                square[f] = Vec<T>{};
                if (f >= count) continue;
                T* const row = delta_t + (i + f) * delta_t_row + j;
                square[f] = load(row) * Activation::template slope<Approx<T>>(load(y + (i + f) * y_row + j));
                store(row, square[f]);
                peak.see(keep_first<T>(square[f], valid));
            }
            transpose<T>(square);
            FASTMLP_UNROLL
            for (int s = 0; s < lanes<T>; ++s)
                if (s < valid) store_partial(delta + (j + s) * delta_row + i, square[s], count);
        }
    }
    return peak.value();
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
