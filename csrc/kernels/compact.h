// Leaving out features that are zero in every sample of a batch, and moving the rows of W that belong to the others.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/compress.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class T>
int64_t compact(const CompactArguments<T>& of) {
    int64_t count = 0;
    for (int64_t j = 0; j < of.columns; j += lanes<T>) {
        const int valid = static_cast<int>(of.columns - j < lanes<T> ? of.columns - j : lanes<T>);
        IntVec<T> any{};
        for (int64_t i = 0; i < of.rows; ++i) any = any | bits<T>(load_partial(of.x + i * of.x_row + j, valid));
        const unsigned set = nonzero_lanes<T>(from_bits<T>(any));
        if (set == 0) continue;
        for (int64_t i = 0; i < of.rows; ++i)
            store_packed<T>(of.kept + i * of.kept_row + count, load_partial(of.x + i * of.x_row + j, valid), set);
        store_packed_numbers<T>(of.places + count, set, static_cast<int32_t>(j));
        count += __builtin_popcount(set);
    }
    return count;
}

template <class T>
void copy_rows(int64_t rows, int64_t columns, const T* from, const int32_t* from_place, T* to, const int32_t* to_place, int64_t row) {
    for (int64_t i = 0; i < rows; ++i) {
        const T* const source = from + (from_place ? from_place[i] : i) * row;
        T* const target = to + (to_place ? to_place[i] : i) * row;
        for (int64_t j = 0; j < columns; j += lanes<T>) store(target + j, load(source + j));
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
