// The length of each unit's incoming weights, a column of W, and its limit.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/approx.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// The squares of huge weights overflow; made smaller first, they do not.
template <class T>
FASTMLP_INLINE Vec<T> column_lengths(int64_t rows, const T* w, int64_t w_row, T shrunk) {
    const Vec<T> factor = broadcast<T>(shrunk);
    Vec<T> sum{};
    for (int64_t i = 0; i < rows; ++i) {
        const Vec<T> value = load(w + i * w_row) * factor;
        sum = fma(value, value, sum);
    }
    return Approx<T>::sqrt(sum);
}

template <class T>
void limit_columns(int64_t rows, int64_t columns, T* w, int64_t w_row, T limit) {
    constexpr T shrunk = sizeof(T) == 4 ? static_cast<T>(0x1p-70) : static_cast<T>(0x1p-600);
    const Vec<T> most = broadcast<T>(limit);
    for (int64_t j = 0; j < columns; j += lanes<T>) {
        const Vec<T> length = column_lengths<T>(rows, w + j, w_row, 1);
        if (count_true<T>(length > most, lanes<T>) == 0) continue;
        Vec<T> factor = length > most ? most / length : broadcast<T>(1);
        const IntVec<T> overflown = length == broadcast<T>(static_cast<T>(__builtin_inf()));
        if (count_true<T>(overflown, lanes<T>) > 0)
            factor = overflown ? most * broadcast<T>(shrunk) / column_lengths<T>(rows, w + j, w_row, shrunk) : factor;
        for (int64_t i = 0; i < rows; ++i) store(w + i * w_row + j, load(w + i * w_row + j) * factor);
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
