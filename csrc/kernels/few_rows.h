// A few rows times a matrix: bound by reading W, so W is read once for all of them, and not at all where each of them is zero. What is
// left out of a chain are terms of plus or minus zero; they can turn a zero's sign and nothing else, and bias_activation takes that away.
// At the end what training adds for a few samples: the way back, and the update of the rows of W that were read.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/transpose.h"
#include "kernels/update.h"
#include "simd/approx.h"
#include "simd/compress.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// Elements j ... of all rows, put together: a lane is zero where every row is. `count` of them where that is less than a vector.
template <bool whole, class T>
FASTMLP_INLINE Vec<T> elements_of_all(int64_t rows, const T* x, int64_t x_row, int count, Peak<T>& peak) {
    IntVec<T> any{};
    for (int64_t i = 0; i < rows; ++i) {
        const Vec<T> v = whole ? load(x + i * x_row) : load_partial(x + i * x_row, count);
        peak.see(v);
        any = any | bits<T>(v);
    }
    return from_bits<T>(any);
}

template <class T>
FASTMLP_INLINE T find_nonzero_in(int64_t rows, int64_t n, FewRows<T>& of) {
    const T* const x = of.x;  // of its own: what is written to `index` might lie in `of` for all the compiler knows
    const int64_t x_row = of.x_row;
    int32_t* const index = of.index;
    Peak<T> peak;
    int64_t count = 0, j = 0;
    for (; j + lanes<T> <= n; j += lanes<T>)
        count += append_nonzero<T>(elements_of_all<true>(rows, x + j, x_row, lanes<T>, peak), static_cast<int32_t>(j), index + count);
    if (j < n) {
        const int rest = static_cast<int>(n - j);
        count += append_nonzero<T>(elements_of_all<false>(rows, x + j, x_row, rest, peak), static_cast<int32_t>(j), index + count);
    }
    of.count = count;
    for (int i = 0; i < few_rows_ahead; ++i) index[count + i] = 0;  // prefetched, not used
    return peak.value();
}

template <class T>
T find_nonzero(int64_t n, FewRows<T>& of) {
    return of.rows == 1 ? find_nonzero_in(1, n, of) : find_nonzero_in(of.rows, n, of);
}

// As many vectors of sums as stay in registers beside one element of each row and a vector of B.
constexpr int few_rows_vectors(int rows) {
    constexpr int wide[] = {16, 12, 8, 6}, narrow[] = {12, 6, 3, 2};
    return vector_bytes == 64 ? wide[rows - 1] : narrow[rows - 1];
}

template <class T, int rows, int vectors>
void few_rows_columns(const FewRows<T>& of, const T* b, int64_t b_row, T* y, int64_t y_row) {
    constexpr int width = lanes<T>;
    Vec<T> sum[rows][vectors] = {};
    for (int64_t e = 0; e < of.count; ++e) {
        const T* const from = b + of.index[e] * b_row;
        const T* const soon = b + of.index[e + few_rows_ahead] * b_row;
        Vec<T> element[rows];
        FASTMLP_UNROLL
        for (int i = 0; i < rows; ++i) element[i] = broadcast<T>(of.x[i * of.x_row + of.index[e]]);
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) {
            if (j * vector_bytes % line_bytes == 0) __builtin_prefetch(soon + j * width);
            const Vec<T> row_of_b = load(from + j * width);
            FASTMLP_UNROLL
            for (int i = 0; i < rows; ++i) sum[i][j] = fma(element[i], row_of_b, sum[i][j]);
        }
    }
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) store(y + i * y_row + j * width, sum[i][j]);
    }
}

template <class T>
using FewRowsColumns = void (*)(const FewRows<T>&, const T* b, int64_t b_row, T* y, int64_t y_row);

template <class T, int rows, int... J>
FASTMLP_INLINE FewRowsColumns<T> few_rows_kernel(int64_t vectors, Positions<J...>) {
    static constexpr FewRowsColumns<T> of_width[] = {few_rows_columns<T, rows, J + 1>...};
    return of_width[vectors - 1];
}

template <class T, int rows>
FASTMLP_INLINE void few_rows_times(const FewRows<T>& of, const T* b, int64_t b_row, int64_t columns, T* y, int64_t y_row) {
    constexpr int most = few_rows_vectors(rows);
    const int64_t vectors = (columns + lanes<T> - 1) / lanes<T>, blocks = (vectors + most - 1) / most;
    for (int64_t block = 0; block < blocks; ++block) {  // of nearly equal width
        const int64_t first = vectors * block / blocks, end = vectors * (block + 1) / blocks, place = first * lanes<T>;
        few_rows_kernel<T, rows>(end - first, typename PositionsTo<most>::type())(of, b + place, b_row, y + place, y_row);
    }
}

template <class T>
void few_rows_product(const FewRows<T>& of, const T* b, int64_t b_row, int64_t columns, T* y, int64_t y_row) {
    static_assert(largest_few_rows == 4, "a case for each number of rows");
    if (of.rows == 1) few_rows_times<T, 1>(of, b, b_row, columns, y, y_row);
    if (of.rows == 2) few_rows_times<T, 2>(of, b, b_row, columns, y, y_row);
    if (of.rows == 3) few_rows_times<T, 3>(of, b, b_row, columns, y, y_row);
    if (of.rows == 4) few_rows_times<T, 4>(of, b, b_row, columns, y, y_row);
}

// delta (rows x features) = (delta_above W^T) * slope(y), for W (features x outputs): each sum is the chain over the outputs. With so
// few rows the features stand in the lanes, so squares of W are transposed in registers; two of them, whose chains do not wait for
// each other.
template <class Activation, class T, int rows>
T few_rows_back(const FewRowsBack<T>& of) {
    constexpr int blocks = 2, width = lanes<T>;
    Peak<T> peak;
    for (int64_t f = 0; f < of.features; f += blocks * width) {
        Vec<T> sum[blocks][rows] = {};
        for (int64_t k = 0; k < of.outputs; k += width) {  // past the last, W and delta hold zeros
            FASTMLP_UNROLL
            for (int b = 0; b < blocks; ++b) {
                const int64_t first = f + b * width;
                if (first >= of.features) continue;
                Vec<T> square[width];
                const int height = static_cast<int>(of.features - first < width ? of.features - first : width);
                load_square<T>(square, of.weight + first * of.weight_row + k, of.weight_row, height);
                transpose<T>(square);
                FASTMLP_UNROLL
                for (int p = 0; p < width; ++p) {
                    FASTMLP_UNROLL
                    for (int i = 0; i < rows; ++i)
                        sum[b][i] = fma(broadcast<T>(of.delta_above[i * of.above_row + k + p]), square[p], sum[b][i]);
                }
            }
        }
        FASTMLP_UNROLL
        for (int b = 0; b < blocks; ++b) {
            const int64_t first = f + b * width;
            if (first >= of.features) continue;
            const int valid = static_cast<int>(of.features - first < width ? of.features - first : width);
            FASTMLP_UNROLL
            for (int i = 0; i < rows; ++i) {
                const Vec<T> y = load_partial(of.y + i * of.row + first, valid);
                const Vec<T> delta = sum[b][i] * Activation::template slope<Approx<T>>(y);
                store_partial(of.delta + i * of.row + first, delta, valid);
                peak.see(keep_first<T>(delta, valid));
            }
        }
    }
    return peak.value();
}

template <class Activation, class T>
T few_rows_backward(const FewRowsBack<T>& of) {
    static_assert(largest_few_rows == 4, "a case for each number of rows");
    if (of.rows == 1) return few_rows_back<Activation, T, 1>(of);
    if (of.rows == 2) return few_rows_back<Activation, T, 2>(of);
    if (of.rows == 3) return few_rows_back<Activation, T, 3>(of);
    return few_rows_back<Activation, T, 4>(of);
}

// The rows of W that belong to elements of x which are not all zero, each by the optimizer with its gradient, the chain over the samples.
template <class Optimizer, class T>
T few_rows_update(const FewRows<T>& x, const T* delta, int64_t delta_row, const UpdateArguments<T>& arguments) {
    Update<Optimizer, 0, false, T> now(arguments);
    for (int64_t e = 0; e < x.count; ++e) {
        const int64_t place = x.index[e] * now.of.weight_row;
        Vec<T> element[largest_few_rows];
        for (int64_t i = 0; i < x.rows; ++i) element[i] = broadcast<T>(x.x[i * x.x_row + x.index[e]]);
        for (int64_t j = 0; j < now.of.columns; j += lanes<T>) {
            Vec<T> gradient{};
            for (int64_t i = 0; i < x.rows; ++i) gradient = fma(element[i], load(delta + i * delta_row + j), gradient);
            now.apply(place + j, gradient);
        }
    }
    return now.peak.value();
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
