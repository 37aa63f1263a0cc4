// What the backward pass does with pairs besides products: slopes and rounding of a finished tile, sums of columns.
#pragma once

#include "kernels/round.h"
#include "kernels/transpose.h"
#include "simd/approx.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// rows of words (rows <= lanes, `count` <= lanes words each); zero elsewhere
FASTMLP_INLINE void load_words(Vec<Pair> (&square)[lanes<Pair>], const Pair* x, int64_t x_row, int rows, int count) {
    FASTMLP_UNROLL
    for (int r = 0; r < lanes<Pair>; ++r)
        square[r] = r < rows ? (Vec<Pair>)load_partial(reinterpret_cast<const float*>(x + r * x_row), count) : Vec<Pair>{};
}

// v where the lane is below `count`, zero elsewhere
FASTMLP_INLINE Vec<float> only_first(Vec<float> v, int count) {
    return from_bits<float>(lane_numbers<float>() < broadcast_bits<float>(count) ? bits<float>(v) : IntVec<float>{});
}

// Features i ... and samples j ... of one square of words, which holds two samples in each.
template <class Activation>
FASTMLP_INLINE void backward_block(const PairBackwardArguments& of, int64_t i, int64_t j, Peak<float>& peak) {
    constexpr int n = lanes<Pair>;
    const int samples = of.samples - j < 2 * n ? static_cast<int>(of.samples - j) : 2 * n;
    const int features = of.features - i < n ? static_cast<int>(of.features - i) : n;
    Vec<Pair> square[n];
    load_words(square, of.y + j / 2 * of.y_row + i, of.y_row, (samples + 1) / 2, features);
    transpose<Pair>(square);
    Rounded above{};
    FASTMLP_UNROLL
    for (int f = 0; f < n; ++f) {
        if (f >= features) continue;
        const float* row = of.tile + (i + f) * of.tile_row + j;
        const Vec<float> left = only_first(load(row) * Activation::template slope<Approx<float>>(widened<0>(square[f])), samples);
        const Vec<float> right = only_first(load(row + n) * Activation::template slope<Approx<float>>(widened<1>(square[f])), samples - n);
        peak.see(left);
        peak.see(right);
        const Rounded delta = Rounded::of(left, right);
        square[f] = delta.along();
        if (f % 2 == 0) above = delta;
        if (of.delta_t != nullptr && (f % 2 == 1 || f + 1 == features)) {
            const Rounded below = f % 2 == 1 ? delta : Rounded{};
            Pair* to = of.delta_t + (i + f) / 2 * of.delta_t_row + j;
            store_some<false>(to, above.down<0>(below), samples);
            store_some<false>(to + n, above.down<1>(below), samples - n);
        }
    }
    transpose<Pair>(square);
    FASTMLP_UNROLL
    for (int s = 0; s < n; ++s)
        if (2 * s < samples) store_partial(of.delta + (j / 2 + s) * of.delta_row + i, square[s], features);
}

template <class Activation>
float pair_backward(const PairBackwardArguments& arguments) {
    const PairBackwardArguments of = arguments;
    Peak<float> peak;
    for (int64_t i = 0; i < of.features; i += lanes<Pair>)
        for (int64_t j = 0; j < of.samples; j += 2 * lanes<Pair>) backward_block<Activation>(of, i, j, peak);
    return peak.value();
}

inline void pair_column_sums(int64_t rows, int64_t columns, const Pair* x, int64_t x_row, float* sums) {
    for (int64_t j = 0; j < columns; j += lanes<Pair>) {
        Vec<float> sum = load(sums + j);
        for (int64_t i = 0; i < rows; i += 2) {
            const Vec<Pair> pairs = load(x + i / 2 * x_row + j);
            sum = sum + first_of(pairs);
            sum = sum + second_of(pairs);
        }
        store(sums + j, sum);
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
