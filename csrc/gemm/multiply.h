// The blocked product: a rectangle of C = A B as tiles, each a chain of fma over k in ascending order, each handed to `finish`
// while it is still in the first-level cache. Blocking of k continues a tile from its own partial sums, so neither blocks nor
// tiles nor packing can change a bit.
#pragma once

#include <algorithm>

#include "gemm/share.h"
#include "kernels/kernel_table.h"

namespace fastmlp {

template <class T>
struct Product {
    int64_t k;
    const T* a;  // a(i, p) = a[i * a_row + p * a_step], one of the strides being 1
    int64_t a_row, a_step;
    const T* b;  // b(p, j) = b[p * b_row + j * b_column]
    int64_t b_row, b_column = 1;
    Sum<T>* c;  // null: each tile goes to the scratch tile instead
    int64_t c_row;
    bool accumulate = false;
};

// Scratch of one member: the tile for products without c, and the packed panel of B.
template <class T>
struct TileScratch {
    static constexpr int64_t tile_row = largest_tile_vectors * largest_lanes;
    static constexpr int64_t tile_size = largest_tile_rows * tile_row;
    Sum<T>* tile;
    T* panel = nullptr;  // (panel_k x tile_row), null: B is read where it lies
    int64_t panel_k = 0;
};

// Tiles of pairs start at even rows, so that a finished one can be rounded to pairs down its columns.
template <class T>
constexpr int64_t row_quantum = 1;
template <>
constexpr int64_t row_quantum<Pair> = 2;

// Rows of a share are cut into tiles of nearly equal height: 128 = 8 x 13 + 2 x 12.
inline Range tile_rows_at(const Range& rows, int64_t quantum, int64_t tiles, int64_t index) {
    const Range part = part_of(rows.size(), quantum, index, tiles);
    return {rows.begin + part.begin, rows.begin + part.end};
}

// finish(rows, columns, tile, ld) is called once for every tile of the share, complete, in no promised order; `columns` may end
// inside the last vector of the tile. `stop()` is asked before each panel: true abandons the share.
template <class T, class Finish, class Stop>
void multiply(const TileTable<T>& kernels, const Product<T>& product, const Share& share, const TileScratch<T>& scratch,
              const Finish& finish, const Stop& stop) {
    if (share.empty()) return;
    const Walk walk = product.a_step == 1 ? Walk::along_rows : Walk::along_columns;
    const int64_t tallest = kernels.tile_rows / row_quantum<T> * row_quantum<T>;
    const int64_t tiles = (share.rows.size() + tallest - 1) / tallest;
    const int64_t panel_width = static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes;

    for (int64_t j = share.columns.begin; j < share.columns.end; j += panel_width) {
        if (stop()) return;
        const Range columns{j, std::min(j + panel_width, share.columns.end)};
        const int64_t vectors = (columns.size() + kernels.lanes - 1) / kernels.lanes;
        const bool packed = scratch.panel != nullptr;
        const int64_t k_block = packed ? scratch.panel_k : std::max<int64_t>(1, product.k);

        for (int64_t p = 0; p < std::max<int64_t>(1, product.k); p += k_block) {
            TileArguments<T> arguments{};
            arguments.k = std::min(k_block, product.k - p);
            arguments.a_row = product.a_row;
            arguments.a_step = product.a_step;
            arguments.b = product.b + p * product.b_row + j * product.b_column;
            arguments.b_row = product.b_row;
            arguments.accumulate = product.accumulate || p > 0;
            if (packed) {
                kernels.pack(arguments.k, columns.size(), arguments.b, product.b_row, product.b_column, scratch.panel,
                             vectors * kernels.lanes);
                arguments.b = scratch.panel;
                arguments.b_row = vectors * kernels.lanes;
            }
            const bool complete = p + k_block >= product.k;
            for (int64_t t = 0; t < tiles; ++t) {
                const Range rows = tile_rows_at(share.rows, row_quantum<T>, tiles, t);
                arguments.a = product.a + rows.begin * product.a_row + p * product.a_step;
                arguments.c = product.c ? product.c + rows.begin * product.c_row + j : scratch.tile;
                arguments.c_row = product.c ? product.c_row : TileScratch<T>::tile_row;
                kernels.tile[static_cast<int>(walk)][vectors - 1][rows.size() - 1](arguments);
                if (complete) finish(rows, columns, arguments.c, arguments.c_row);
            }
        }
    }
}

}  // namespace fastmlp
