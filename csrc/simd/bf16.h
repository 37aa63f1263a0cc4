// Pairs of bf16 factors (math/bf16.h) in vectors: how they enter a chain of fma, and how floats are rounded to them.
#pragma once

#include "math/bf16.h"
#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// ---- widening --------------------------------------------------------------------------------------------
FASTMLP_INLINE Vec<float> first_of(Vec<Pair> v) { return (Vec<float>)(v & 0xffff0000u); }
FASTMLP_INLINE Vec<float> second_of(Vec<Pair> v) { return (Vec<float>)(v << 16); }

// The left (0) or right (1) vector of numbers that stand side by side in pairs.
template <int vector, int... J>
FASTMLP_INLINE Vec<float> widened(Vec<Pair> v, Positions<J...>) {
    constexpr int n = lanes<float>;
    return __builtin_shufflevector(first_of(v), second_of(v), (vector * n / 2 + J / 2 + (J % 2 == 0 ? 0 : n))...);
}
template <int vector>
FASTMLP_INLINE Vec<float> widened(Vec<Pair> v) {
    return widened<vector>(v, typename PositionsTo<lanes<float>>::type());
}

// ---- pairs in a chain of fma -----------------------------------------------------------------------------
// The links that an element of A and one of B add to a chain: one, also for pairs where an instruction takes them whole.
template <class T>
struct Links {
    static constexpr int count = 1;
    static FASTMLP_INLINE Vec<T> factor(Vec<T> v, int) { return v; }
    static FASTMLP_INLINE void next() {}
};

#if defined(__AVX512BF16__)
FASTMLP_INLINE Vec<float> fma(Vec<Pair> a, Vec<Pair> b, Vec<float> c) {
#if defined(__clang__)  // whose versions 16 and 17 crash over the type that the intrinsic takes
    asm("vdpbf16ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
#else
    return (Vec<float>)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#endif
}
#else
// Two: the first halves widened to float, then the second halves.
template <>
struct Links<Pair> {
    static constexpr int count = 2;
    static FASTMLP_INLINE Vec<float> factor(Vec<Pair> v, int link) {
#if defined(__x86_64__)
        asm("" : "+v"(v));  // else a broadcast word is widened before it is broadcast, on the one port that moves to vectors
#endif
        return link == 0 ? first_of(v) : second_of(v);
    }
    // A and B are loaded again: kept from one link to the next, they would drive the sums out of the registers.
    static FASTMLP_INLINE void next() { asm volatile("" ::: "memory"); }
};
#endif

// ---- rounding --------------------------------------------------------------------------------------------
// Halves below smallest_factor become zero.
FASTMLP_INLINE Vec<Pair> without_small(Vec<Pair> v) {
    const Vec<int16_t> halves = (Vec<int16_t>)v, smallest = smallest_factor_bits - Vec<int16_t>{};
    return (Vec<Pair>)((halves & 0x7fff) < smallest ? Vec<int16_t>{} : halves);
}

// Two vectors of a row, rounded to nearest, ties to even; NaN stays NaN. along() pairs neighbours in the row, down() each element of
// the left (0) or right (1) vector with the one in the row below.
#if defined(__AVX512BF16__)
struct Rounded {
    Vec<Pair> halves;  // in the order of the row

    static FASTMLP_INLINE Rounded of(Vec<float> left, Vec<float> right) {
        return {without_small((Vec<Pair>)_mm512_cvtne2ps_pbh((__m512)right, (__m512)left))};
    }
    FASTMLP_INLINE Vec<Pair> along() const { return halves << 16 | halves >> 16; }
    template <int vector, int... J>
    FASTMLP_INLINE Vec<Pair> down(Rounded below, Positions<J...>) const {
        return (Vec<Pair>)__builtin_shufflevector((Vec<int16_t>)halves, (Vec<int16_t>)below.halves,
                                                  (vector * lanes<float> + J / 2 + (J % 2 == 0 ? lanes<int16_t> : 0))...);
    }
    template <int vector>
    FASTMLP_INLINE Vec<Pair> down(Rounded below) const {
        return down<vector>(below, typename PositionsTo<lanes<int16_t>>::type());
    }
};
#else
struct Rounded {
    Vec<Pair> left, right;  // high halves

    static FASTMLP_INLINE Vec<Pair> high(Vec<float> v) {
        const Vec<Pair> exact = (Vec<Pair>)v;
        const Vec<Pair> rounded = v == v ? exact + 0x7fffu + ((exact >> 16) & 1u) : exact | 0x00400000u;
        return without_small(rounded & 0xffff0000u);
    }
    static FASTMLP_INLINE Rounded of(Vec<float> left, Vec<float> right) { return {high(left), high(right)}; }
    template <int... J>
    FASTMLP_INLINE Vec<Pair> along(Positions<J...>) const {
        return __builtin_shufflevector(left, right, (2 * J)...) | __builtin_shufflevector(left, right, (2 * J + 1)...) >> 16;
    }
    FASTMLP_INLINE Vec<Pair> along() const { return along(typename PositionsTo<lanes<Pair>>::type()); }
    template <int vector>
    FASTMLP_INLINE Vec<Pair> down(Rounded below) const {
        return vector == 0 ? left | below.left >> 16 : right | below.right >> 16;
    }
};
#endif

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
