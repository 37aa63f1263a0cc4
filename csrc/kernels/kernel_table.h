// The waist of the engine: all that an instruction set changes. Below, kernels.cpp fills one table per instruction set from the
// same source; above, nobody asks which CPU this is. Matrices are row-major with a leading dimension (ld) in elements.
//
// Padding that every caller keeps: rows start on a 64-byte line and ld is a multiple of one, so a kernel may read, and where it
// says so write, whole vectors past the last column. Padding columns of W and of deltas hold zero.
#pragma once

#include <cstdint>

#include "math/catalog.h"

namespace fastmlp {

constexpr int64_t line_bytes = 64;
constexpr int largest_tile_rows = 14;
constexpr int largest_tile_vectors = 2;
constexpr int largest_lanes = 16;

// C(rows x vectors*lanes) = [C +] A B: each element is one chain of fma over k, in ascending order.
// a(i, p) = a[i * a_row + p * a_step], b row p starts at b + p * b_row. Whole vectors of C are written.
template <class T>
struct TileArguments {
    int64_t k;
    const T* a;
    int64_t a_row, a_step;
    const T* b;
    int64_t b_row;
    T* c;
    int64_t c_row;
    bool accumulate;  // continue the chain from what C holds
};
template <class T>
using Tile = void (*)(const TileArguments<T>&);

// Which of A's strides is 1: rows of a row-major A (forward, backward), or its columns (weight gradient).
enum class Walk { along_rows, along_columns };

// Rows picked by index from the caller's data, converted and scaled: x -> (x - shift) * scale, in the wider of both types.
struct GatherArguments {
    const void* source;
    int64_t source_row;    // bytes from one sample to the next
    const int64_t* index;  // which samples; null: 0, 1, 2, ...
    int64_t rows, columns;
    const double* shift;  // (columns), null: no scaling
    const double* scale;
    const float* shift32;  // the same as float, for sources and rows that are no wider; may be null
    const float* scale32;
};
enum class SourceType { uint8, float32, float64 };
constexpr int source_types = 3;

// One group of at most `lanes` samples at the end of the network (rows.h tells the steps).
template <class T>
struct LossArguments {
    const T* z;  // (samples x outputs), ld z_row: before the output unit
    int64_t z_row;
    int64_t samples, outputs;
    const int64_t* labels;  // class indices of all samples of the data set, or null
    const T* targets;       // or values (samples of the data set x outputs), ld = target_row
    int64_t target_row;
    const int64_t* index;  // (samples): which samples of the data set; null: the first ones
    T* delta;              // (samples x outputs), ld = delta_row: dL/dz; may be null (evaluation)
    int64_t delta_row;
    T* delta_t;  // (outputs x lanes), ld = delta_t_row: the same transposed, and scratch
    int64_t delta_t_row;
    T* scratch;        // (2 x outputs x lanes)
    T* losses;         // (samples): out, the loss of each
    int64_t* correct;  // += samples whose largest output is their largest target (one output: same side of one half)
};

template <class T>
struct UpdateArguments {
    const T* gradient;  // (rows x columns), ld = gradient_row: sum over the batch
    int64_t gradient_row;
    T* weight;    // ld = weight_row
    T* velocity;  // the same shape as weight; null without momentum
    int64_t weight_row;
    int64_t rows, columns;
    T share;  // 1 / batch
    T learning_rate, momentum, l2;
};

// A few rows, and where at least one of them is not zero, in ascending order.
constexpr int largest_few_rows = 4;
constexpr int few_rows_ahead = 4;  // rows of B prefetched: indices so far past the last are read
template <class T>
struct FewRows {
    int64_t rows;
    const T* x;  // (rows x elements), ld = x_row
    int64_t x_row;
    int32_t* index;  // (count), with room for few_rows_room(elements)
    int64_t count;
};
inline int64_t few_rows_room(int64_t elements) { return elements + largest_lanes + few_rows_ahead; }

// Functions of one variable, for tests of their error bounds.
enum class Function { exp, log, log1p, sigmoid, tanh };
constexpr int functions = 5;

// Kernels that return T return the largest magnitude they wrote, and infinity where one was infinite or NaN.
template <class T>
struct KernelTable {
    int lanes;
    int tile_rows;  // the largest tile; every smaller one exists
    int tile_vectors;
    Tile<T> tile[2][largest_tile_vectors][largest_tile_rows];  // [Walk][vectors - 1][rows - 1]

    // B's panel (k x columns), any strides, to rows of whole vectors padded with zeros
    void (*pack)(int64_t k, int64_t columns, const T* b, int64_t b_row, int64_t b_column, T* packed, int64_t packed_row);

    // y = activation(y + bias) over (rows x columns)
    T (*bias_activation[Activations::size])(int64_t rows, int64_t columns, T* y, int64_t y_row, const T* bias);

    // delta (columns of a batch x rows of features) = transpose(tile) * slope(y); its transpose to delta_t unless null
    T (*backward[Activations::size])(int64_t features, int64_t samples, const T* tile, int64_t tile_row, const T* y, int64_t y_row,
                                     T* delta, int64_t delta_row, T* delta_t, int64_t delta_t_row);

    T (*loss[Losses::size][Activations::size])(const LossArguments<T>&);  // null: the pair does not fit
    // y = softmax(y) over rows, in place; scratch (columns x lanes)
    void (*softmax)(int64_t rows, int64_t columns, T* y, int64_t y_row, T* scratch);

    // For a few rows: index and count from their elements, and y(rows x columns, in whole vectors) = rows B.
    T (*find_nonzero)(int64_t elements, FewRows<T>& of);
    void (*few_rows_product)(const FewRows<T>& of, const T* b, int64_t b_row, int64_t columns, T* y, int64_t y_row);
    void (*softmax_row)(int64_t columns, T* y);  // of finite values

    // sums += the columns' sums, one chain over the rows in ascending order
    void (*column_sums)(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* sums);
    T (*update)(const UpdateArguments<T>&);
    T (*gather[source_types])(const GatherArguments&, T* rows, int64_t row);
    void (*map[functions])(int64_t n, const T* x, T* y);
};

struct Kernels {
    const char* name;
    bool fused_multiply_add;  // false: results may differ in the last bits from all others
    KernelTable<float> f32;
    KernelTable<double> f64;
};

template <class T>
const KernelTable<T>& table(const Kernels& kernels);
template <>
inline const KernelTable<float>& table(const Kernels& kernels) {
    return kernels.f32;
}
template <>
inline const KernelTable<double>& table(const Kernels& kernels) {
    return kernels.f64;
}

}  // namespace fastmlp
