// Loops over single elements: the ends of the forward and backward products, gathering of samples, sums of columns, packing.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/transpose.h"
#include "simd/approx.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// The tile holds dL/dy of (features x samples), as the product W delta^T makes it; delta wants it as (samples x features).
template <class Activation, class T>
T backward(int64_t features, int64_t samples, const T* tile, int64_t tile_row, const T* y, int64_t y_row, T* delta, int64_t delta_row,
           T* delta_t, int64_t delta_t_row) {
    Peak<T> peak;
    for (int64_t j = 0; j < samples; j += lanes<T>) {
        const int64_t valid_samples = samples - j < lanes<T> ? samples - j : lanes<T>;
        for (int64_t i = 0; i < features; i += lanes<T>) {
            const int valid_features = static_cast<int>(features - i < lanes<T> ? features - i : lanes<T>);
            Vec<T> square[lanes<T>];
            load_square<T>(square, tile + i * tile_row + j, tile_row, valid_features);
            transpose<T>(square);
            FASTMLP_UNROLL
            for (int s = 0; s < lanes<T>; ++s) {
                if (s >= valid_samples) continue;
                const Vec<T> output = load_partial(y + (j + s) * y_row + i, valid_features);
                square[s] = square[s] * Activation::template slope<Approx<T>>(output);
                store_partial(delta + (j + s) * delta_row + i, square[s], valid_features);
                peak.see(square[s]);
            }
            if (delta_t == nullptr) continue;
            transpose<T>(square);
            for (int f = 0; f < valid_features; ++f) store(delta_t + (i + f) * delta_t_row + j, square[f]);
        }
    }
    return peak.value();
}

template <class T>
void column_sums(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* sums) {
    for (int64_t j = 0; j < columns; j += lanes<T>) {
        Vec<T> sum = load(sums + j);
        for (int64_t i = 0; i < rows; ++i) sum = sum + load(x + i * x_row + j);
        store(sums + j, sum);
    }
}

template <class T>
void pack(int64_t k, int64_t columns, const T* b, int64_t b_row, int64_t b_column, T* packed, int64_t packed_row) {
    for (int64_t p = 0; p < k; ++p) {
        T* to = packed + p * packed_row;
        const T* from = b + p * b_row;
        if (b_column == 1)
            for (int64_t j = 0; j < columns; ++j) to[j] = from[j];
        else
            for (int64_t j = 0; j < columns; ++j) to[j] = from[j * b_column];
        for (int64_t j = columns; j < packed_row; ++j) to[j] = 0;
    }
}

template <class Wider, class Source, class T, class Scale>
FASTMLP_INLINE void convert_row(const Source* from, T* to, int64_t columns, const Scale* shift, const Scale* scale) {
    if (shift == nullptr) {
        for (int64_t j = 0; j < columns; ++j) to[j] = static_cast<T>(from[j]);
    } else {
        for (int64_t j = 0; j < columns; ++j)
            to[j] = static_cast<T>((static_cast<Wider>(from[j]) - static_cast<Wider>(shift[j])) * static_cast<Wider>(scale[j]));
    }
}

template <class A, class B>
struct WiderOf {
    using type = double;
};
template <>
struct WiderOf<float, float> {
    using type = float;
};
template <>
struct WiderOf<uint8_t, float> {
    using type = float;
};

template <class Source, class T>
T gather(const GatherArguments& from, T* rows, int64_t row) {
    using Wider = typename WiderOf<Source, T>::type;
    constexpr int ahead = 2;  // samples prefetched: the index makes their place unpredictable
    const auto sample = [&](int64_t i) {
        return static_cast<const char*>(from.source) + (from.index ? from.index[i] : i) * from.source_row;
    };
    Peak<T> peak;
    for (int64_t i = 0; i < from.rows; ++i) {
        if (i + ahead < from.rows) {
            const char* next = sample(i + ahead);
            for (int64_t offset = 0; offset < from.columns * static_cast<int64_t>(sizeof(Source)); offset += line_bytes)
                __builtin_prefetch(next + offset);
        }
        T* to = rows + i * row;
        const Source* const source = reinterpret_cast<const Source*>(sample(i));
        if (sizeof(Wider) == sizeof(float) && from.shift32 != nullptr)
            convert_row<Wider>(source, to, from.columns, from.shift32, from.scale32);
        else
            convert_row<Wider>(source, to, from.columns, from.shift, from.scale);
        for (int64_t j = 0; j < from.columns; j += lanes<T>) peak.see(load(to + j));
    }
    return peak.value();
}

template <Function function, class T>
void map(int64_t n, const T* x, T* y) {
    for (int64_t i = 0; i < n; i += lanes<T>) {
        const int count = static_cast<int>(n - i < lanes<T> ? n - i : lanes<T>);
        const Vec<T> v = load_partial(x + i, count);
        Vec<T> result;
        if constexpr (function == Function::exp) result = Approx<T>::exp(v);
        if constexpr (function == Function::log) result = Approx<T>::log(v);
        if constexpr (function == Function::log1p) result = Approx<T>::log1p(v);
        if constexpr (function == Function::sigmoid) result = Approx<T>::sigmoid(v);
        if constexpr (function == Function::tanh) result = Approx<T>::tanh(v);
        if constexpr (function == Function::sqrt) result = Approx<T>::sqrt(v);
        if constexpr (function == Function::expm1_of_negative) result = Approx<T>::expm1_of_negative(v);
        Vec<T> power;
        if constexpr (function == Function::normal_cdf) result = Approx<T>::normal_cdf(v, power);
        store_partial(y + i, result, count);
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
