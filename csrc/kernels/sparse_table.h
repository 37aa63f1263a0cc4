// What an instruction set changes about matrices that are mostly zeros: a small table of its own beside kernel_table.h.
#pragma once

#include <cstdint>

namespace fastmlp {

// A block of rows of W is held as its entries that are not zero, sixteen units side by side, which are a slice: entry p of unit i stands
// at [p * sparse_units + i], in ascending order of rows. Units come together by their number of entries; shorter ones end with zeros.
constexpr int sparse_units = 16;
constexpr int sparse_rows = 128;  // of a block: their part of x, four vectors wide, fits the first-level cache; a place fits a byte
constexpr int largest_sparse_vectors = 4;

// y = [y +] W^T x for a block of W, samples in the lanes: x (rows of the block) and y (units) have vectors * lanes columns.
template <class T>
struct SparseArguments {
    int64_t slices;
    const int32_t* counts;  // (slices): entries of each of its units
    const uint8_t* shared;  // (slices): whether the units of the slice have their entries in the same rows
    const int32_t* units;   // (slices x sparse_units): which rows of y
    const T* values;
    const uint8_t* places;  // rows of x
    const T* x;
    T* y;
    bool accumulate;  // continue the chains from what y holds
};

// The same for one to four samples, each a row, where the units of every slice follow each other and share their rows. `outputs`:
// vectors of y past them are not written.
template <class T>
struct SparseFewArguments {
    SparseArguments<T> block;
    int64_t samples, x_row, y_row, outputs;
};

template <class T>
struct SparseTable {
    int lanes;
    void (*product[largest_sparse_vectors])(const SparseArguments<T>&);  // [vectors - 1]
    void (*few_product)(const SparseFewArguments<T>&);
    // y = [y +] W^T x for one sample and any slices; sparse_rows elements of x are read. Null: a few samples in the lanes are as fast
    void (*list_product)(const SparseArguments<T>&);
    // columns (n x columns_row, whole vectors) = the transpose of rows (samples x n, padded to whole vectors), and back (exactly n are
    // written)
    void (*to_columns)(int64_t samples, int64_t n, const T* rows, int64_t rows_row, T* columns, int64_t columns_row);
    void (*to_rows)(int64_t samples, int64_t n, const T* columns, int64_t columns_row, T* rows, int64_t rows_row);
    // x = 0 where the mask is 0, whole vectors
    void (*apply_mask)(int64_t rows, int64_t columns, T* x, int64_t x_row, const T* mask, int64_t mask_row);
};

struct SparseKernels {
    SparseTable<float> f32;
    SparseTable<double> f64;
};

template <class T>
const SparseTable<T>& table(const SparseKernels& kernels) {
    if constexpr (sizeof(T) == 4)
        return kernels.f32;
    else
        return kernels.f64;
}

}  // namespace fastmlp
