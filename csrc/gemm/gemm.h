// C = A B for any shape, stride and leading dimension: the general entry, for tests and for whoever needs one product.
// The network calls multiply() itself, on buffers that are padded, and packs nothing.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

namespace fastmlp {

// a(i, p) = a[i * a_row + p * a_column] and likewise b; one of A's strides must be 1. Only m x n elements of C are written. Where T is
// Pair, k counts pairs.
template <class T>
void gemm(const TileTable<T>& kernels, int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b,
          int64_t b_row, int64_t b_column, Sum<T>* c, int64_t c_row, int threads);

}  // namespace fastmlp
