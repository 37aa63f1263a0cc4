// What is told to the kernels between a product and its activation (normalize.h, maxout.h), and their table. All matrices of one call have
// the same shape and leading dimension, `row`.
#pragma once

#include <cstdint>

namespace fastmlp {

// z = scale (z - mean) inverse, in place, with inverse = 1 / sqrt(variance + epsilon).
template <class T>
struct NormalizeArguments {
    int64_t rows, columns;
    T* z;
    int64_t row;
    T* normalized;             // (z - mean) inverse, for the way back; null: not kept
    const T* scale;            // (columns)
    const T *mean, *variance;  // (columns); not looked at where they are taken along the rows
    T* inverse;                // out: (columns), or (rows) where taken along the rows; those of rows may be null
    T epsilon;
    bool centres;  // along the rows: else the mean counts as 0
};

// dL/dz from d, which is dL/d(scale normalized).
template <class T>
struct NormalizeBackArguments {
    int64_t rows, columns;
    const T* d;
    const T* normalized;
    T* d_z;
    int64_t row;
    const T* scale;
    const T* inverse;
    const T *d_scale, *d_shift;  // (columns): sums of d normalized and of d; not looked at along the rows
    bool centres;
};

// The largest of the pieces of each unit, which stand in columns j, units + j, 2 units + j, ... of z; in place, in column j.
template <class T>
struct MaxoutArguments {
    int64_t rows, units, pieces;
    T* z;
    int64_t row;
    T* chosen;  // (rows x units pieces), ld = row: 1 for the first of the largest, else 0; null: not wanted
};

// Those that return T return the largest variance, or magnitude, that they saw; infinity where one was infinite or NaN.
template <class T>
struct StructuredKernels {
    T (*column_moments)(int64_t rows, int64_t columns, const T* z, int64_t row, T* mean, T* variance);  // whole vectors
    void (*normalize_columns)(const NormalizeArguments<T>&);
    T (*normalize_rows)(const NormalizeArguments<T>&);
    T (*normalize_columns_back)(const NormalizeBackArguments<T>&);
    T (*normalize_rows_back)(const NormalizeBackArguments<T>&);
    // sums += the columns' sums of a b, one chain over the rows in ascending order
    void (*product_sums)(int64_t rows, int64_t columns, const T* a, const T* b, int64_t row, T* sums);
    void (*add)(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* y, int64_t y_row);            // y += x; whole vectors
    void (*transpose)(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* x_t, int64_t x_t_row);  // whole vectors of rows of x_t
    T (*maxout)(const MaxoutArguments<T>&);
    void (*maxout_back)(const MaxoutArguments<T>&);  // z holds dL/dy, and then dL/d(pieces)
};

}  // namespace fastmlp
