// The tile: rows x vectors of C kept in registers while one chain of fma per element runs over k.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/bf16.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// Rows of A are reached from one pointer for every third row, with strides 1 and 2 as index registers: fourteen
// separate row pointers would not fit the general-purpose registers of x86-64.
template <class T, Walk walk, int rows>
struct RowPointers {
    static constexpr int groups = walk == Walk::along_rows ? (rows + 2) / 3 : 1;
    const T* group[groups];
    int64_t row;

    FASTMLP_INLINE RowPointers(const T* a, int64_t a_row) : row(a_row) {
        FASTMLP_UNROLL
        for (int g = 0; g < groups; ++g) group[g] = a + 3 * g * a_row;
    }
    FASTMLP_INLINE T at(int i) const { return walk == Walk::along_rows ? group[i / 3][(i % 3) * row] : group[0][i]; }
    FASTMLP_INLINE void advance(int64_t a_step) {
        FASTMLP_UNROLL
        for (int g = 0; g < groups; ++g) group[g] += walk == Walk::along_rows ? 1 : a_step;
    }
};

// Rows of B fetched before they are used. Where B is wider than a page the processor does not foresee them: large +4 %.
constexpr int rows_ahead = 8;

// One fma for each element of c and each of k.
template <class T, Walk walk, int rows, int vectors>
FASTMLP_INLINE void add_product(const TileArguments<T>& arguments, Vec<Sum<T>> (&c)[rows][vectors]) {
    constexpr int width = lanes<T>;
    RowPointers<T, walk, rows> a(arguments.a, arguments.a_row);
    const T* b = arguments.b;
    for (int64_t p = arguments.k; p > 0; --p) {
        FASTMLP_UNROLL
        for (int link = 0; link < Links<T>::count; ++link) {
            if (link > 0) Links<T>::next();
            decltype(Links<T>::factor(Vec<T>{}, 0)) row_of_b[vectors];
            FASTMLP_UNROLL
            for (int j = 0; j < vectors; ++j) row_of_b[j] = Links<T>::factor(load(b + j * width), link);
            FASTMLP_UNROLL
            for (int i = 0; i < rows; ++i) {
                const auto element = Links<T>::factor(broadcast<T>(a.at(i)), link);
                FASTMLP_UNROLL
                for (int j = 0; j < vectors; ++j) c[i][j] = fma(element, row_of_b[j], c[i][j]);
            }
        }
        // The next tile reads the line beside this one in every row of A, again unforeseen: large +6 %.
        if (walk == Walk::along_columns) __builtin_prefetch(a.group[0] + 2 * rows - 1);
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) __builtin_prefetch(b + rows_ahead * arguments.b_row + j * width);
        a.advance(arguments.a_step);
        b += arguments.b_row;
    }
}

template <class T, Walk walk, int rows, int vectors>
void tile(const TileArguments<T>& arguments) {
    constexpr int width = lanes<T>;
    Vec<Sum<T>> c[rows][vectors] = {};
    if (arguments.accumulate) {
        FASTMLP_UNROLL
        for (int i = 0; i < rows; ++i) {
            FASTMLP_UNROLL
            for (int j = 0; j < vectors; ++j) c[i][j] = load(arguments.c + i * arguments.c_row + j * width);
        }
    }
    add_product<T, walk>(arguments, c);
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) store(arguments.c + i * arguments.c_row + j * width, c[i][j]);
    }
}

// Factors that are widened take registers of their own.
template <class T>
constexpr int tile_rows = Links<T>::count == 1 ? (vector_bytes == 64 ? largest_tile_rows : 6) : (vector_bytes == 64 ? 8 : 4);

// Every tile of 1 ... tile_rows rows, so that any number of rows splits evenly.
template <class T, Walk walk, int vectors, int rows = tile_rows<T>>
struct Tiles {
    static FASTMLP_INLINE void enter(Tile<T>* entries) {
        entries[rows - 1] = tile<T, walk, rows, vectors>;
        Tiles<T, walk, vectors, rows - 1>::enter(entries);
    }
};
template <class T, Walk walk, int vectors>
struct Tiles<T, walk, vectors, 0> {
    static FASTMLP_INLINE void enter(Tile<T>*) {}
};

template <class T>
FASTMLP_INLINE void enter_tiles(TileTable<T>& to) {
    to.lanes = lanes<T>;
    to.tile_rows = tile_rows<T>;
    to.tile_vectors = largest_tile_vectors;
    auto& along_rows = to.tile[static_cast<int>(Walk::along_rows)];
    auto& along_columns = to.tile[static_cast<int>(Walk::along_columns)];
    Tiles<T, Walk::along_rows, 1>::enter(along_rows[0]);
    Tiles<T, Walk::along_rows, 2>::enter(along_rows[1]);
    Tiles<T, Walk::along_columns, 1>::enter(along_columns[0]);
    Tiles<T, Walk::along_columns, 2>::enter(along_columns[1]);
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
