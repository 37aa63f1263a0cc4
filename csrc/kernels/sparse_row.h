// One row times a matrix: bound by reading W, so the rows of W that a zero would multiply are never read. What is left out of
// a chain are terms of plus or minus zero; they can turn a zero's sign and nothing else, and bias_activation takes that away.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/approx.h"
#include "simd/compress.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class T>
T find_nonzero(int64_t n, const T* x, SparseRow<T>& to) {
    Peak<T> peak;
    int64_t count = 0, j = 0;
    for (; j + lanes<T> <= n; j += lanes<T>) {
        const Vec<T> v = load(x + j);
        peak.see(v);
        count += append_nonzero(v, static_cast<int32_t>(j), to.index + count);
    }
    if (j < n) {
        const Vec<T> v = load_partial(x + j, static_cast<int>(n - j));
        peak.see(v);
        count += append_nonzero(v, static_cast<int32_t>(j), to.index + count);
    }
    to.x = x;
    to.count = count;
    for (int i = 0; i < sparse_row_ahead; ++i) to.index[count + i] = 0;  // prefetched, not used
    return peak.value();
}

// As many vectors of sums as stay in registers beside the element and, on AVX2 and below, the row of B.
constexpr int sparse_row_vectors = vector_bytes == 64 ? 16 : 12;

template <class T, int vectors>
void sparse_columns(const SparseRow<T>& row, const T* b, int64_t b_row, T* y) {
    constexpr int width = lanes<T>;
    Vec<T> sum[vectors] = {};
    for (int64_t e = 0; e < row.count; ++e) {
        const T* const from = b + row.index[e] * b_row;
        const T* const soon = b + row.index[e + sparse_row_ahead] * b_row;
        const Vec<T> element = broadcast<T>(row.x[row.index[e]]);
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) {
            if (j * vector_bytes % line_bytes == 0) __builtin_prefetch(soon + j * width);
            sum[j] = fma(element, load(from + j * width), sum[j]);
        }
    }
    FASTMLP_UNROLL
    for (int j = 0; j < vectors; ++j) store(y + j * width, sum[j]);
}

template <class T, int vectors = sparse_row_vectors>
struct SparseColumns {
    static FASTMLP_INLINE void run(int64_t wanted, const SparseRow<T>& row, const T* b, int64_t b_row, T* y) {
        if (wanted == vectors)
            sparse_columns<T, vectors>(row, b, b_row, y);
        else
            SparseColumns<T, vectors - 1>::run(wanted, row, b, b_row, y);
    }
};
template <class T>
struct SparseColumns<T, 0> {
    static FASTMLP_INLINE void run(int64_t, const SparseRow<T>&, const T*, int64_t, T*) {}
};

template <class T>
void sparse_row_product(const SparseRow<T>& row, const T* b, int64_t b_row, int64_t columns, T* y) {
    const int64_t vectors = (columns + lanes<T> - 1) / lanes<T>, blocks = (vectors + sparse_row_vectors - 1) / sparse_row_vectors;
    for (int64_t block = 0; block < blocks; ++block) {  // of nearly equal width
        const int64_t first = vectors * block / blocks, end = vectors * (block + 1) / blocks;
        SparseColumns<T>::run(end - first, row, b + first * lanes<T>, b_row, y + first * lanes<T>);
    }
}

template <class T>
FASTMLP_INLINE T largest_of_row(int64_t n, const T* y) {
    Vec<T> most = broadcast<T>(y[0]);
    for (int64_t j = 0; j < n; j += lanes<T>) {
        const Vec<T> value = load(y + j);
        const IntVec<T> larger = (value > most) & (lane_numbers<T>() < broadcast_bits<T>(static_cast<Bits<T>>(n - j)));
        most = larger ? value : most;
    }
    T largest = most[0];
    for (int i = 1; i < lanes<T>; ++i) largest = most[i] > largest ? most[i] : largest;
    return largest;
}

// Softmax of one row as kernels/rows.h computes it, but along the row: the sum is the same chain over the outputs.
template <class T>
void softmax_row(int64_t columns, T* y) {
    const Vec<T> largest = broadcast<T>(largest_of_row<T>(columns, y));
    for (int64_t j = 0; j < columns; j += lanes<T>) store(y + j, Approx<T>::exp(load(y + j) - largest));
    T sum = 0;
    for (int64_t j = 0; j < columns; ++j) sum += y[j];
    const Vec<T> total = broadcast<T>(sum);
    for (int64_t j = 0; j < columns; j += lanes<T>) store(y + j, load(y + j) / total);
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
