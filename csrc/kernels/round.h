// Floats rounded to pairs of bf16 factors, along rows and down columns: for a finished tile, while it is in the first-level cache.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/bf16.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// The first `count` elements at x, at most two vectors; zero beyond.
template <bool whole>
FASTMLP_INLINE Rounded round_some(const float* x, int count) {
    constexpr int n = lanes<float>;
    if constexpr (whole) return Rounded::of(load(x), load(x + n));
    return count < n ? Rounded::of(load_partial(x, count), Vec<float>{}) : Rounded::of(load(x), load_partial(x + n, count - n));
}

// At most one vector, and none where `count` is not positive.
template <bool whole>
FASTMLP_INLINE void store_some(Pair* to, Vec<Pair> pairs, int count) {
    if (whole || count >= lanes<Pair>)
        store(to, pairs);
    else if (count > 0)
        store_partial(to, pairs, count);
}

// Rows i and i + 1, or row i alone, from column j on: two vectors, or `count` columns.
template <bool whole, bool two>
FASTMLP_INLINE void round_block(const RoundArguments& of, int64_t i, int64_t j, int count) {
    const float* x = of.x + i * of.x_row + j;
    const Rounded first = round_some<whole>(x, count), second = two ? round_some<whole>(x + of.x_row, count) : Rounded{};
    if (of.along != nullptr) {
        Pair* to = of.along + i * of.along_row + j / 2;
        store_some<whole>(to, first.along(), (count + 1) / 2);
        if (two) store_some<whole>(to + of.along_row, second.along(), (count + 1) / 2);
    }
    if (of.down != nullptr) {
        Pair* to = of.down + i / 2 * of.down_row + j;
        store_some<whole>(to, first.down<0>(second), count);
        store_some<whole>(to + lanes<Pair>, first.down<1>(second), count - lanes<Pair>);
    }
}

template <bool whole>
FASTMLP_INLINE void round_panel(const RoundArguments& of, int64_t j, int count) {
    int64_t i = 0;
    for (; i + 1 < of.rows; i += 2) round_block<whole, true>(of, i, j, count);
    if (i < of.rows) round_block<whole, false>(of, i, j, count);
}

inline void round(const RoundArguments& arguments) {
    constexpr int width = 2 * lanes<float>;
    const RoundArguments of = arguments;  // a copy, or every store could change it
    int64_t j = 0;
    for (; j + width <= of.columns; j += width) round_panel<true>(of, j, width);
    if (j < of.columns) round_panel<false>(of, j, static_cast<int>(of.columns - j));
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
