// A product whose left factor is mostly zeros, given as lists of what is not; the same chains, and so the same bits, as
// multiply() on the whole matrix.
#pragma once

#include "gemm/multiply.h"
#include "runtime/arena.h"

namespace fastmlp {

constexpr int64_t skip_rows = 64;            // rows of C at a time
constexpr int64_t skip_panel_bytes = 32768;  // of B at a time: it is read again and again, out of order, from the first-level cache

// The lists of a matrix (rows x k): those of its rows, or of the columns of its transpose.
template <class T>
struct NonZeros {
    T* values = nullptr;  // null where zeros are not skipped
    int32_t* places = nullptr;
    int32_t* begins = nullptr;
    int64_t rows = 0, list_row = 0;

    explicit operator bool() const { return values != nullptr; }

    void take(Arena& in, int64_t rows_, int64_t k) {
        rows = rows_;
        list_row = checked_sum(k, largest_lanes);
        values = in.take<T>(checked_product(rows, list_row));
        places = in.take<int32_t>(checked_product(rows, list_row));
        begins = in.take<int32_t>(checked_product((k + skip_block - 1) / skip_block + 1, rows));
    }
    // The lists from number `first` on, of x.
    CompressArguments<T> lists(int64_t first, int64_t x_rows, int64_t x_columns, const T* x, int64_t x_row) const {
        return {x_rows, x_columns, x, x_row, values + first * list_row, places + first * list_row, list_row, begins + first, rows};
    }
    // Where the block that holds element p of k, or ends there, begins.
    const int32_t* at(int64_t p) const { return begins + (p + skip_block - 1) / skip_block * rows; }
};

// As multiply(): finish(rows, columns, c, ld) is called once for every complete piece of the share.
template <class T, class Finish, class Stop>
void multiply_skipping(const KernelTable<T>& kernels, const NonZeros<T>& a, const Product<T>& product, const Share& share, T* scratch,
                       const Finish& finish, const Stop& stop) {
    if (share.empty()) return;
    const int64_t panel_width = static_cast<int64_t>(largest_skipping_vectors) * kernels.lanes;
    for (int64_t j = share.columns.begin; j < share.columns.end; j += panel_width) {
        if (stop()) return;
        const Range columns{j, std::min(j + panel_width, share.columns.end)};
        const int64_t vectors = (columns.size() + kernels.lanes - 1) / kernels.lanes;
        const int64_t row_bytes = vectors * kernels.lanes * static_cast<int64_t>(sizeof(T));
        const int64_t k_block = std::max<int64_t>(1, skip_panel_bytes / row_bytes / skip_block) * skip_block;
        for (int64_t i = share.rows.begin; i < share.rows.end; i += skip_rows) {
            const Range rows{i, std::min(i + skip_rows, share.rows.end)};
            T* const c = product.c ? product.c + i * product.c_row + j : scratch;
            const int64_t c_row = product.c ? product.c_row : panel_width;
            for (int64_t p = 0; p < product.k; p += k_block) {
                const int64_t end = std::min(product.k, p + k_block);
                kernels.skipping_tile[vectors - 1]({rows.size(), a.at(p) + i, a.at(end) + i, a.values + i * a.list_row,
                                                    a.places + i * a.list_row, a.list_row, product.b + j, product.b_row, c, c_row,
                                                    product.accumulate || p > 0});
            }
            finish(rows, columns, c, c_row);
        }
    }
}

}  // namespace fastmlp
