// Products whose left factor is mostly zeros (pixels): only its other elements are visited, in ascending order of k. The chains
// are those of the dense tile: adding x w for x = 0 changes no bit but the sign of a zero, which no user of a product looks at.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/transpose.h"
#include "simd/compress.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class T>
void compress_rows(const CompressArguments<T>& of) {
    for (int64_t i = 0; i < of.rows; ++i) {
        T* const values = of.values + i * of.list_row;
        int32_t* const places = of.places + i * of.list_row;
        int32_t* begin = of.begins + i;
        int64_t count = 0;
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            if (j % skip_block == 0) {
                *begin = static_cast<int32_t>(count);
                begin += of.begins_row;
            }
            const int valid = static_cast<int>(of.columns - j < lanes<T> ? of.columns - j : lanes<T>);
            count +=
                append_nonzero<T>(load_partial(of.x + i * of.x_row + j, valid), static_cast<int32_t>(j), places + count, values + count);
        }
        *begin = static_cast<int32_t>(count);
    }
}

// Squares are transposed in registers, so that a vector runs down a column.
template <class T>
void compress_columns(const CompressArguments<T>& of) {
    for (int64_t j = 0; j < of.columns; j += lanes<T>) {
        const int valid = static_cast<int>(of.columns - j < lanes<T> ? of.columns - j : lanes<T>);
        int32_t* begins = of.begins + j;
        int32_t counts[lanes<T>] = {};
        for (int64_t i = 0; i < of.rows; i += lanes<T>) {
            if (i % skip_block == 0) {
                for (int c = 0; c < valid; ++c) begins[c] = counts[c];
                begins += of.begins_row;
            }
            const int height = static_cast<int>(of.rows - i < lanes<T> ? of.rows - i : lanes<T>);
            Vec<T> square[lanes<T>];
            load_square<T>(square, of.x + i * of.x_row + j, of.x_row, height);
            transpose<T>(square);
            FASTMLP_UNROLL
            for (int c = 0; c < lanes<T>; ++c) {
                if (c >= valid) continue;
                const int64_t place = (j + c) * of.list_row + counts[c];
                counts[c] += append_nonzero<T>(square[c], static_cast<int32_t>(i), of.places + place, of.values + place);
            }
        }
        for (int c = 0; c < valid; ++c) begins[c] = counts[c];
    }
}

// Several rows at a time while all of them last: one row's chains alone would wait for each other.
template <class T, int rows, int vectors>
FASTMLP_INLINE void skipping_rows(const SkippingArguments<T>& of, int64_t first) {
    Vec<T> c[rows][vectors] = {};
    T* const to = of.c + first * of.c_row;
    if (of.accumulate) {
        FASTMLP_UNROLL
        for (int i = 0; i < rows; ++i) {
            FASTMLP_UNROLL
            for (int j = 0; j < vectors; ++j) c[i][j] = load(to + i * of.c_row + j * lanes<T>);
        }
    }
    const T* values[rows];
    const int32_t* places[rows];
    int64_t counts[rows], common = INT64_MAX;
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
        const int64_t begin = of.begins[first + i], place = (first + i) * of.list_row + begin;
        values[i] = of.values + place;
        places[i] = of.places + place;
        counts[i] = of.ends[first + i] - begin;
        common = counts[i] < common ? counts[i] : common;
    }
    const auto add = [&](int i, int64_t p) {
        const Vec<T> element = broadcast<T>(values[i][p]);
        const T* const b = of.b + places[i][p] * of.b_row;
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) c[i][j] = fma(element, load(b + j * lanes<T>), c[i][j]);
    };
    for (int64_t p = 0; p < common; ++p) {
        FASTMLP_UNROLL
        for (int i = 0; i < rows; ++i) add(i, p);
    }
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
        for (int64_t p = common; p < counts[i]; ++p) add(i, p);
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) store(to + i * of.c_row + j * lanes<T>, c[i][j]);
    }
}

template <class T, int vectors>
void skipping_tile(const SkippingArguments<T>& of) {
    constexpr int together = vectors > 4 ? 1 : vectors > 2 ? 2 : vectors > 1 ? 4 : 8;  // eight chains hide the latency of fma
    int64_t i = 0;
    for (; i + together <= of.rows; i += together) skipping_rows<T, together, vectors>(of, i);
    for (; i < of.rows; ++i) skipping_rows<T, 1, vectors>(of, i);
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
