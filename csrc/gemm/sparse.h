// W as its entries that are not zero; the same chains, and so the same bits, as the products with the whole matrix. How a block of
// rows lies stands in kernels/sparse_table.h.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/sparse_table.h"

namespace fastmlp {

template <class T>
class SparseMatrix {
public:
    SparseMatrix(int64_t in, int64_t out, const T* w, int64_t w_row);  // w (in x out)

    int64_t entries() const { return entries_; }
    // Whether zeros come in blocks: sixteen units that follow each other from a multiple of sixteen on.
    bool by_blocks() const { return by_blocks_; }

    // y (out + 1 x vectors * lanes) = W^T x (in x vectors * lanes); the row past the last is of units that only fill up a slice.
    void multiply(const SparseTable<T>& kernels, int vectors, const T* x, T* y) const;
    // y (out + 1) = W^T x for one sample; only where the kernel is there.
    void multiply_one(const SparseTable<T>& kernels, const T* x, T* y) const;
    // y (samples x out, in whole vectors) = x (samples x in) W for one to four samples; only by_blocks().
    void multiply_few(const SparseTable<T>& kernels, int64_t samples, const T* x, int64_t x_row, T* y, int64_t y_row) const;

private:
    struct Block {
        std::vector<int32_t> counts, units;
        std::vector<uint8_t> shared, places;
        std::vector<T> values;
    };
    static void order_units(Block& block, std::vector<int32_t>& entries, int64_t out);
    static void fill(Block& block, int64_t rows, int64_t out, const T* w, int64_t w_row);
    static bool close(Block& block, const std::vector<int32_t>& entries, int64_t out);
    SparseArguments<T> arguments(std::size_t block, const T* x, T* y) const;

    int64_t in_, out_, entries_ = 0;
    bool by_blocks_ = true;
    std::vector<Block> blocks_;
};

}  // namespace fastmlp
