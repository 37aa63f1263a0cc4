// The blocked product: a rectangle of C = A B as tiles, each a chain of fma over k in ascending order, each handed to `finish`
// while it is still in the first-level cache. Blocking of k continues a tile from its own partial sums, so neither blocks nor
// tiles nor packing can change a bit.
#pragma once

#include <algorithm>
#include <type_traits>

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
    bool always_packs = false;  // else where it pays
};

// A panel of B that goes through more than 4,000 pages, or leaves 16 kB from row to row, is read faster from a copy (measured on
// 1024-4096-4096-1000, batch 1024: AVX-512 +10 %, AVX2 +25 %; on narrower layers it lost up to 6 %).
constexpr int64_t deep = 4000, far_apart = 16000;

template <class T>
bool packing_pays(int64_t k, int64_t b_row) {
    return k >= deep || b_row * static_cast<int64_t>(sizeof(T)) >= far_apart;
}

// Tiles of pairs start at even rows, so that a finished one can be rounded to pairs down its columns.
template <class T>
constexpr int64_t row_quantum = std::is_same_v<T, Pair> ? 2 : 1;

// Rows of a share are cut into tiles of nearly equal height: 128 = 8 x 13 + 2 x 12.
inline Range tile_rows_at(const Range& rows, int64_t quantum, int64_t tiles, int64_t index) {
    const Range part = part_of(rows.size(), quantum, index, tiles);
    return {rows.begin + part.begin, rows.begin + part.end};
}

// Panels of columns that are walked together: a row of tiles then finds its part of A in the first-level cache and writes lines that
// lie side by side, while their part of B stays in the second-level cache.
constexpr int64_t panels_together = 4;

// The tiles of `rows` over the columns of a group, as far as the block of k carries them.
template <class T, class Visit>
void visit_row(const TileTable<T>& kernels, const Product<T>& product, const TileScratch<T>& scratch, const Range& rows, const Range& group,
               const Range& block, bool packed, const Visit& visit) {
    const int64_t panel = static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes;
    TileArguments<T> arguments{};
    arguments.k = block.size();
    arguments.a = product.a + rows.begin * product.a_row + block.begin * product.a_step;
    arguments.a_row = product.a_row;
    arguments.a_step = product.a_step;
    arguments.b_row = packed ? panel : product.b_row;
    arguments.c_row = product.c ? product.c_row : TileScratch<T>::tile_row;
    arguments.accumulate = product.accumulate || block.begin > 0;
    for (int64_t j = group.begin; j < group.end; j += panel) {
        const Range columns{j, std::min(j + panel, group.end)};
        arguments.b = packed ? scratch.panel : product.b + block.begin * product.b_row + j * product.b_column;
        arguments.c = product.c ? product.c + rows.begin * product.c_row + j : scratch.tile;
        visit(rows, columns, (columns.size() + kernels.lanes - 1) / kernels.lanes, arguments, block.end >= product.k);
    }
}

// visit(rows, columns, vectors, tile's arguments, whether its chains end here) is called for every tile of the share, and again for
// each block of k where the panels are copied, in no promised order; `columns` may end inside the last vector of the tile. `stop()`
// is asked before each row of tiles: true abandons the share.
template <class T, class Visit, class Stop>
void visit_tiles(const TileTable<T>& kernels, const Product<T>& product, const Share& share, const TileScratch<T>& scratch,
                 const Visit& visit, const Stop& stop) {
    if (share.empty()) return;
    const int64_t tallest = kernels.tile_rows / row_quantum<T> * row_quantum<T>;
    const int64_t tiles = (share.rows.size() + tallest - 1) / tallest;
    const int64_t panel = static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes;
    const bool packed = scratch.panel != nullptr && (scratch.always_packs || packing_pays<T>(product.k, product.b_row));
    const int64_t width = packed ? panel : panels_together * panel;
    const int64_t depth = packed ? scratch.panel_k : std::max<int64_t>(1, product.k);

    for (int64_t j = share.columns.begin; j < share.columns.end; j += width) {
        const Range group{j, std::min(j + width, share.columns.end)};
        for (int64_t p = 0; p < std::max<int64_t>(1, product.k); p += depth) {
            const Range block{p, std::min(p + depth, product.k)};
            if (packed)
                kernels.pack(block.size(), group.size(), product.b + p * product.b_row + j * product.b_column, product.b_row,
                             product.b_column, scratch.panel, panel);
            for (int64_t t = 0; t < tiles; ++t) {
                if (stop()) return;
                visit_row(kernels, product, scratch, tile_rows_at(share.rows, row_quantum<T>, tiles, t), group, block, packed, visit);
            }
        }
    }
}

// The product itself: finish(rows, columns, tile, ld) is called once for every tile of the share, complete.
template <class T, class Finish, class Stop>
void multiply(const TileTable<T>& kernels, const Product<T>& product, const Share& share, const TileScratch<T>& scratch,
              const Finish& finish, const Stop& stop) {
    const Walk walk = product.a_step == 1 ? Walk::along_rows : Walk::along_columns;
    visit_tiles(
        kernels, product, share, scratch,
        [&](const Range& rows, const Range& columns, int64_t vectors, const TileArguments<T>& tile, bool complete) {
            kernels.tile[static_cast<int>(walk)][vectors - 1][rows.size() - 1](tile);
            if (complete) finish(rows, columns, tile.c, tile.c_row);
        },
        stop);
}

}  // namespace fastmlp
