// Normalisation, forward and back. Over the samples of a batch each unit's sums are chains over the rows in ascending order. Along a row
// there are sixteen chains, of every sixteenth unit, which are joined in one fixed order: the same for every width of a vector.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/transpose.h"
#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// ---- over the samples ------------------------------------------------------------------------------------
// Some vectors of columns together: their chains do not wait for each other.
template <class T, int vectors>
FASTMLP_INLINE void moments_of_strip(int64_t rows, const T* z, int64_t row, T* mean, T* variance, Peak<T>& peak) {
    const Vec<T> count = broadcast<T>(static_cast<T>(rows));
    Vec<T> middle[vectors] = {}, squares[vectors] = {};
    for (int64_t i = 0; i < rows; ++i) {
        FASTMLP_UNROLL
        for (int v = 0; v < vectors; ++v) middle[v] = middle[v] + load(z + i * row + v * lanes<T>);
    }
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) middle[v] = middle[v] / count;
    for (int64_t i = 0; i < rows; ++i) {
        FASTMLP_UNROLL
        for (int v = 0; v < vectors; ++v) {
            const Vec<T> centred = load(z + i * row + v * lanes<T>) - middle[v];
            squares[v] = fma(centred, centred, squares[v]);
        }
    }
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) {
        squares[v] = squares[v] / count;
        store(mean + v * lanes<T>, middle[v]);
        store(variance + v * lanes<T>, squares[v]);
        peak.see(squares[v]);
    }
}

template <class T>
T column_moments(int64_t rows, int64_t columns, const T* z, int64_t row, T* mean, T* variance) {
    constexpr int together = 4;
    Peak<T> peak;
    int64_t j = 0;
    for (; j + together * lanes<T> <= columns; j += together * lanes<T>)
        moments_of_strip<T, together>(rows, z + j, row, mean + j, variance + j, peak);
    for (; j < columns; j += lanes<T>) moments_of_strip<T, 1>(rows, z + j, row, mean + j, variance + j, peak);
    return peak.value();
}

template <class T>
FASTMLP_INLINE Vec<T> inverse_deviation(Vec<T> variance, T epsilon) {
    return broadcast<T>(1) / sqrt(variance + broadcast<T>(epsilon));
}

template <bool keeps, class T>
FASTMLP_INLINE void normalize_columns_of(const NormalizeArguments<T>& of) {
    for (int64_t i = 0; i < of.rows; ++i) {
        T* const z = of.z + i * of.row;
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const Vec<T> normalized = (load(z + j) - load(of.mean + j)) * load(of.inverse + j);
            if constexpr (keeps) store(of.normalized + i * of.row + j, normalized);
            store(z + j, load(of.scale + j) * normalized);
        }
    }
}

template <class T>
void normalize_columns(const NormalizeArguments<T>& arguments) {
    const NormalizeArguments<T> of = arguments;  // a copy, or every store could change it
    for (int64_t j = 0; j < of.columns; j += lanes<T>) store(of.inverse + j, inverse_deviation<T>(load(of.variance + j), of.epsilon));
    of.normalized == nullptr ? normalize_columns_of<false>(of) : normalize_columns_of<true>(of);
}

// d_z = scale inverse (d - mean of d - normalized mean of (d normalized)), the means over the samples
template <class T>
T normalize_columns_back(const NormalizeBackArguments<T>& arguments) {
    const NormalizeBackArguments<T> of = arguments;
    const Vec<T> share = broadcast<T>(T(1) / static_cast<T>(of.rows));
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        const int64_t first = i * of.row;
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const Vec<T> normalized = load(of.normalized + first + j);
            const Vec<T> rest = (load(of.d + first + j) - share * load(of.d_shift + j)) - normalized * (share * load(of.d_scale + j));
            const Vec<T> d_z = keep_first<T>(load(of.scale + j) * load(of.inverse + j) * rest, of.columns - j);
            store(of.d_z + first + j, d_z);
            peak.see(d_z);
        }
    }
    return peak.value();
}

template <class T>
void product_sums(int64_t rows, int64_t columns, const T* a, const T* b, int64_t row, T* sums) {
    for (int64_t j = 0; j < columns; j += lanes<T>) {
        Vec<T> sum = load(sums + j);
        for (int64_t i = 0; i < rows; ++i) sum = fma(load(a + i * row + j), load(b + i * row + j), sum);
        store(sums + j, sum);
    }
}

// ---- along a row -----------------------------------------------------------------------------------------
constexpr int row_chains = 16;

// The sum of a(j) b(j) over the units; a and b give a vector, from unit j on.
template <class T, class A, class B>
FASTMLP_INLINE T sum_along(int64_t columns, const A& a, const B& b) {
    constexpr int vectors = row_chains / lanes<T>;
    Vec<T> sum[vectors] = {};
    for (int64_t j = 0; j < columns; j += row_chains) {
        FASTMLP_UNROLL
        for (int v = 0; v < vectors; ++v) {
            const int64_t at = j + v * lanes<T>;
            if (at < columns) sum[v] = fma(keep_first<T>(a(at), columns - at), keep_first<T>(b(at), columns - at), sum[v]);
        }
    }
    alignas(line_bytes) T chain[row_chains];
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) store(chain + v * lanes<T>, sum[v]);
    for (int half = row_chains / 2; half > 0; half /= 2)
        for (int c = 0; c < half; ++c) chain[c] = chain[c] + chain[c + half];
    return chain[0];
}

template <class T>
T normalize_rows(const NormalizeArguments<T>& arguments) {
    const NormalizeArguments<T> of = arguments;
    const T count = static_cast<T>(of.columns);
    const auto one = [](int64_t) { return broadcast<T>(1); };
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        T* const z = of.z + i * of.row;
        const auto whole = [z](int64_t j) { return load(z + j); };
        const Vec<T> mean = broadcast<T>(of.centres ? sum_along<T>(of.columns, whole, one) / count : T(0));
        const auto centred = [z, mean](int64_t j) { return load(z + j) - mean; };
        const Vec<T> variance = broadcast<T>(sum_along<T>(of.columns, centred, centred) / count);
        const Vec<T> inverse = inverse_deviation<T>(variance, of.epsilon);
        peak.see(variance);
        if (of.inverse != nullptr) of.inverse[i] = inverse[0];
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const Vec<T> normalized = centred(j) * inverse;
            if (of.normalized != nullptr) store(of.normalized + i * of.row + j, normalized);
            store(z + j, load(of.scale + j) * normalized);
        }
    }
    return peak.value();
}

// d_z = inverse (g - mean of g - normalized mean of (g normalized)) with g = d scale, the means over the units
template <class T>
T normalize_rows_back(const NormalizeBackArguments<T>& arguments) {
    const NormalizeBackArguments<T> of = arguments;
    const T count = static_cast<T>(of.columns);
    const auto one = [](int64_t) { return broadcast<T>(1); };
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        const int64_t first = i * of.row;
        const auto g = [&](int64_t j) { return load(of.d + first + j) * load(of.scale + j); };
        const auto normalized = [&](int64_t j) { return load(of.normalized + first + j); };
        const Vec<T> mean = broadcast<T>(of.centres ? sum_along<T>(of.columns, g, one) / count : T(0));
        const Vec<T> share = broadcast<T>(sum_along<T>(of.columns, g, normalized) / count);
        const Vec<T> inverse = broadcast<T>(of.inverse[i]);
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const Vec<T> d_z = keep_first<T>(inverse * ((g(j) - mean) - normalized(j) * share), of.columns - j);
            store(of.d_z + first + j, d_z);
            peak.see(d_z);
        }
    }
    return peak.value();
}

// ---- what both need --------------------------------------------------------------------------------------
template <class T>
void add(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* y, int64_t y_row) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; j += lanes<T>) store(y + i * y_row + j, load(y + i * y_row + j) + load(x + i * x_row + j));
}

template <class T>
void transpose_rows(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* x_t, int64_t x_t_row) {
    for (int64_t i = 0; i < rows; i += lanes<T>)
        rows_to_columns<T>(rows - i < lanes<T> ? rows - i : lanes<T>, columns, x + i * x_row, x_row, x_t + i, x_t_row);
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
