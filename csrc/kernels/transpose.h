// A square of lanes x lanes transposed in registers, and what is built on it: columns of samples from rows and back.
#pragma once

#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// Exchange the off-diagonal quarters of the 2 x 2 blocks that rows a and b make with lane distance `step`.
template <int step, class V, int... J>
FASTMLP_INLINE void exchange(V& a, V& b, Positions<J...>) {
    constexpr int n = sizeof...(J);
    const V upper = __builtin_shufflevector(a, b, ((J & step) ? n + J - step : J)...);
    const V lower = __builtin_shufflevector(a, b, ((J & step) ? n + J : J + step)...);
    a = upper;
    b = lower;
}

template <int step, class T>
FASTMLP_INLINE void exchange_all(Vec<T> (&rows)[lanes<T>]) {
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i)
        if ((i & step) == 0) exchange<step>(rows[i], rows[i + step], typename PositionsTo<lanes<T>>::type());
}

template <class T>
FASTMLP_INLINE void transpose(Vec<T> (&rows)[lanes<T>]) {
    exchange_all<1, T>(rows);
    if constexpr (lanes<T> > 2) exchange_all<2, T>(rows);
    if constexpr (lanes<T> > 4) exchange_all<4, T>(rows);
    if constexpr (lanes<T> > 8) exchange_all<8, T>(rows);
}

// Rows beyond `count` read as zero. Reads whole vectors: x must be padded to them.
template <class T>
FASTMLP_INLINE void load_square(Vec<T> (&rows)[lanes<T>], const T* x, int64_t x_row, int count) {
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i) rows[i] = i < count ? load(x + i * x_row) : Vec<T>{};
}

// columns (n x lanes, ld columns_row) = transpose of rows (samples <= lanes x n)
template <class T>
void rows_to_columns(int64_t samples, int64_t n, const T* rows, int64_t rows_row, T* columns, int64_t columns_row) {
    for (int64_t j = 0; j < n; j += lanes<T>) {
        Vec<T> square[lanes<T>];
        load_square<T>(square, rows + j, rows_row, static_cast<int>(samples));
        transpose<T>(square);
        const int64_t valid = n - j < lanes<T> ? n - j : lanes<T>;
        for (int64_t i = 0; i < valid; ++i) store(columns + (j + i) * columns_row, square[i]);
    }
}

// rows (samples <= lanes x n) = transpose of columns (n x lanes); exactly n elements of each row are written.
template <class T>
void columns_to_rows(int64_t samples, int64_t n, const T* columns, int64_t columns_row, T* rows, int64_t rows_row) {
    for (int64_t j = 0; j < n; j += lanes<T>) {
        const int valid = static_cast<int>(n - j < lanes<T> ? n - j : lanes<T>);
        Vec<T> square[lanes<T>];
        load_square<T>(square, columns + j * columns_row, columns_row, valid);
        transpose<T>(square);
        for (int64_t i = 0; i < samples; ++i) store_partial(rows + i * rows_row + j, square[i], valid);
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
