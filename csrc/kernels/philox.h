// The generator of random/philox.h, some places at a time: equal numbers, in vectors that the compiler makes.
#pragma once

#include "kernels/kernel_table.h"

namespace fastmlp {
namespace FASTMLP_ISA {

constexpr int philox_places = 16;

// Of the places (row, column), (row, column + 1), ... of a stream.
struct PhiloxPlaces {
    uint32_t word[4][philox_places];

    FASTMLP_INLINE PhiloxPlaces(const PhiloxArguments& of, uint32_t row, uint32_t column) {
        for (int i = 0; i < philox_places; ++i) {
            word[0][i] = column + static_cast<uint32_t>(i);
            word[1][i] = row;
            word[2][i] = of.stream;
            word[3][i] = of.step;
        }
        uint32_t k0 = static_cast<uint32_t>(of.seed), k1 = static_cast<uint32_t>(of.seed >> 32);
        for (int round = 0; round < 10; ++round) {
            for (int i = 0; i < philox_places; ++i) {
                const uint64_t p0 = uint64_t{0xD2511F53} * word[0][i], p1 = uint64_t{0xCD9E8D57} * word[2][i];
                word[0][i] = static_cast<uint32_t>(p1 >> 32) ^ word[1][i] ^ k0;
                word[1][i] = static_cast<uint32_t>(p1);
                word[2][i] = static_cast<uint32_t>(p0 >> 32) ^ word[3][i] ^ k1;
                word[3][i] = static_cast<uint32_t>(p0);
            }
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
    }
};

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
