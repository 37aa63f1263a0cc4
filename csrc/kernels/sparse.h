// Products with a W that is mostly zeros. Samples stand in the lanes: each entry is one broadcast, and one fma a vector of samples;
// units that have their entries in the same rows read x once for all of them. The chains are those of the dense tile: what is left
// out, and what fills a slice up, are terms of zero.
#pragma once

#include "kernels/sparse_table.h"
#include "kernels/transpose.h"
#include "simd/lookup.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// Units at a time: eight chains hide the latency of fma; of those that share x as many as the registers hold.
constexpr int sparse_together(int vectors, bool shared) {
    constexpr int registers = vector_bytes == 64 ? 32 : 16;
    if (!shared) return vectors == 1 ? 8 : vectors == 2 ? 4 : 2;
    int units = 8;
    while (units * vectors + vectors + 1 > registers) units /= 2;
    return units;
}

template <class T, int vectors, bool shared, int together = sparse_together(vectors, shared)>
FASTMLP_INLINE void sparse_chains(const SparseArguments<T>& of, const int32_t* units, const T* values, const uint8_t* places,
                                  int64_t count) {
    constexpr int64_t row = vectors * lanes<T>;
    const T* const x = of.x;
    Vec<T> c[together][vectors] = {};
    if (of.accumulate) {
        FASTMLP_UNROLL
        for (int i = 0; i < together; ++i) {
            FASTMLP_UNROLL
            for (int j = 0; j < vectors; ++j) c[i][j] = load(of.y + units[i] * row + j * lanes<T>);
        }
    }
    for (int64_t p = 0; p < count; ++p, values += sparse_units, places += sparse_units) {
        Vec<T> element[vectors];
        FASTMLP_UNROLL
        for (int i = 0; i < together; ++i) {
            if (!shared || i == 0) {
                FASTMLP_UNROLL
                for (int j = 0; j < vectors; ++j) element[j] = load(x + places[i] * row + j * lanes<T>);
            }
            const Vec<T> weight = broadcast<T>(values[i]);
            FASTMLP_UNROLL
            for (int j = 0; j < vectors; ++j) c[i][j] = fma(weight, element[j], c[i][j]);
        }
    }
    FASTMLP_UNROLL
    for (int i = 0; i < together; ++i) {
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) store(of.y + units[i] * row + j * lanes<T>, c[i][j]);
    }
}

template <class T, int vectors, bool shared>
FASTMLP_INLINE void sparse_slice(const SparseArguments<T>& of, const int32_t* units, const T* values, const uint8_t* places,
                                 int64_t count) {
    for (int i = 0; i < sparse_units; i += sparse_together(vectors, shared))
        sparse_chains<T, vectors, shared>(of, units + i, values + i, places + i, count);
}

template <class T, int vectors>
void sparse_product(const SparseArguments<T>& arguments) {
    const SparseArguments<T> of = arguments;  // a copy that no store can reach
    const T* values = of.values;
    const uint8_t* places = of.places;
    for (int64_t s = 0; s < of.slices; ++s) {
        const int64_t count = of.counts[s];
        const int32_t* const units = of.units + s * sparse_units;
        if (count == 0 && of.accumulate) continue;
        if (of.shared[s])
            sparse_slice<T, vectors, true>(of, units, values, places, count);
        else
            sparse_slice<T, vectors, false>(of, units, values, places, count);
        values += count * sparse_units;
        places += count * sparse_units;
    }
}

// Units in the lanes: an element of x, broadcast, times the entries of all units.
template <class T, int samples>
FASTMLP_INLINE void sparse_few_rows(const SparseFewArguments<T>& few, const int32_t* units, const T* values, const uint8_t* places,
                                    int64_t count) {
    constexpr int vectors = sparse_units / lanes<T>;
    T* const y = few.block.y + units[0];
    const T* const x = few.block.x;
    const int64_t left = few.outputs - units[0];
    Vec<T> c[samples][vectors] = {};
    FASTMLP_UNROLL
    for (int j = 0; j < vectors; ++j) {
        FASTMLP_UNROLL
        for (int i = 0; i < samples; ++i)
            if (few.block.accumulate && j * lanes<T> < left) c[i][j] = load(y + i * few.y_row + j * lanes<T>);
    }
    for (int64_t p = 0; p < count; ++p) {
        FASTMLP_UNROLL
        for (int i = 0; i < samples; ++i) {
            const Vec<T> element = broadcast<T>(x[i * few.x_row + places[p * sparse_units]]);
            FASTMLP_UNROLL
            for (int j = 0; j < vectors; ++j) c[i][j] = fma(element, load(values + p * sparse_units + j * lanes<T>), c[i][j]);
        }
    }
    FASTMLP_UNROLL
    for (int j = 0; j < vectors; ++j) {
        FASTMLP_UNROLL
        for (int i = 0; i < samples; ++i)
            if (j * lanes<T> < left) store(y + i * few.y_row + j * lanes<T>, c[i][j]);
    }
}

template <class T, int samples>
FASTMLP_INLINE void sparse_few_slices(const SparseFewArguments<T>& few) {
    const T* values = few.block.values;
    const uint8_t* places = few.block.places;
    for (int64_t s = 0; s < few.block.slices; ++s) {
        const int64_t count = few.block.counts[s];
        if (count > 0 || !few.block.accumulate) sparse_few_rows<T, samples>(few, few.block.units + s * sparse_units, values, places, count);
        values += count * sparse_units;
        places += count * sparse_units;
    }
}

template <class T>
void sparse_few_product(const SparseFewArguments<T>& arguments) {
    const SparseFewArguments<T> few = arguments;
    if (few.samples == 1) return sparse_few_slices<T, 1>(few);
    if (few.samples == 2) return sparse_few_slices<T, 2>(few);
    if (few.samples == 3) return sparse_few_slices<T, 3>(few);
    sparse_few_slices<T, 4>(few);
}

#if defined(__AVX512F__)
// Units in the lanes, whichever rows their entries are in: the block's part of x is looked up.
inline void sparse_list_product(const SparseArguments<float>& arguments) {
    static_assert(sparse_units == lanes<float> && sparse_rows <= table_size, "a slice is a vector, a block of x a table");
    const SparseArguments<float> of = arguments;
    const NumberTable x(of.x);
    const float* values = of.values;
    const uint8_t* places = of.places;
    for (int64_t s = 0; s < of.slices; ++s) {
        const int64_t count = of.counts[s];
        if (count == 0 && of.accumulate) continue;
        const int32_t* const units = of.units + s * sparse_units;
        float sums[sparse_units] = {};
        for (int i = 0; of.accumulate && i < sparse_units; ++i) sums[i] = of.y[units[i]];
        Vec<float> c = load(sums);
        for (int64_t p = 0; p < count; ++p, values += sparse_units, places += sparse_units) c = fma(load(values), x.at(places), c);
        store(sums, c);
        for (int i = 0; i < sparse_units; ++i) of.y[units[i]] = sums[i];
    }
}
#endif

template <class T>
FASTMLP_INLINE void enter_list_product(SparseTable<T>& to) {
    to.list_product = nullptr;
#if defined(__AVX512F__)
    if constexpr (has_tables<T>) to.list_product = sparse_list_product;
#endif
}

// Lanes past the last sample hold zeros.
template <class T>
void to_columns(int64_t samples, int64_t n, const T* rows, int64_t rows_row, T* columns, int64_t columns_row) {
    for (int64_t i = 0; i < columns_row; i += lanes<T>) {
        const int64_t left = samples - i;
        rows_to_columns<T>(left < 0 ? 0 : left < lanes<T> ? left : lanes<T>, n, rows + i * rows_row, rows_row, columns + i, columns_row);
    }
}

template <class T>
void to_rows(int64_t samples, int64_t n, const T* columns, int64_t columns_row, T* rows, int64_t rows_row) {
    for (int64_t i = 0; i < samples; i += lanes<T>)
        columns_to_rows<T>(samples - i < lanes<T> ? samples - i : lanes<T>, n, columns + i, columns_row, rows + i * rows_row, rows_row);
}

template <class T>
void apply_mask(int64_t rows, int64_t columns, T* x, int64_t x_row, const T* mask, int64_t mask_row) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; j += lanes<T>) {
            T* const to = x + i * x_row + j;
            store(to, load(mask + i * mask_row + j) == Vec<T>{} ? Vec<T>{} : load(to));
        }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
