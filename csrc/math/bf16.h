// The factors of products in mixed precision: bfloat16 numbers, two to a word; sums stay float.
//
// A pair holds two factors that follow each other in a chain over k, the earlier in its high half: the half that the processors'
// instruction for pairs multiplies first. A chain over pairs is then the chain of fma over k in ascending order, and its bits are
// those of a float product of the same rounded factors.
//
// The instruction takes subnormal numbers for zero, as factors, as sums and as results; plain fma does not. That no machine may
// show it, a factor below 2^-56 is rounded to zero. Any other has 8 significant bits, so it is a multiple of 2^-63, a product of
// two is a multiple of 2^-126, and so is every sum of such products, rounded or not: none is subnormal. (16 bits also make each
// product exact: where there is no fma, multiplying and adding have the same bits, unless a product alone exceeds 2^128.)
#pragma once

#include <cstdint>

namespace fastmlp {

// What the factors of a training step's products are: numbers of the network's own type, or bf16.
constexpr const char* precisions[] = {"full", "bf16"};
enum class Precision { full, bf16 };

using Pair = uint32_t;
constexpr int64_t pairs_of(int64_t numbers) { return (numbers + 1) / 2; }
constexpr float smallest_factor = 0x1p-56f;
constexpr int16_t smallest_factor_bits = 0x2380;

// What products of T are summed in.
template <class T>
struct SumOf {
    using type = T;
};
template <>
struct SumOf<Pair> {
    using type = float;
};
template <class T>
using Sum = typename SumOf<T>::type;

}  // namespace fastmlp
