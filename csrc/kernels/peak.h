// How fast this instruction set can compute at all: loops over registers, to compare kernels with.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// chain <- fma(chain, factor, addend) in every lane of every chain.
template <class T>
double fma_peak(int64_t rounds, T factor, T addend, T* chains) {
    const Vec<T> a = broadcast<T>(factor), b = broadcast<T>(addend);
    Vec<T> chain[peak_chains];  // their starts come from memory: of chains that are known to be equal the compiler would keep one
    FASTMLP_UNROLL
    for (int c = 0; c < peak_chains; ++c) chain[c] = broadcast<T>(chains[c]);
    for (int64_t round = 0; round < rounds; ++round) {
        FASTMLP_UNROLL
        for (int c = 0; c < peak_chains; ++c) chain[c] = fma(chain[c], a, b);
    }
    FASTMLP_UNROLL
    for (int c = 0; c < peak_chains; ++c) chains[c] = chain[c][lanes<T> - 1];
    return 2.0 * static_cast<double>(rounds) * peak_chains * lanes<T>;
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
