// Counter-based random numbers: a number is a function of (seed, purpose, step, layer, row, column), never of the order of calls.
// Philox-4x32-10: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

namespace fastmlp {

enum class Purpose : uint32_t {
    weights = 1,
    biases = 2,
    shuffle = 3,
    dropout = 4,
    augmentation = 5,
    noise = 6,
    connections = 7,
    bootstrap = 10,
    perceptron = 11,
    mixup = 12
};

struct Stream {
    uint64_t seed;
    Purpose purpose;
    uint32_t layer = 0;  // at most 2^24 layers
    uint32_t step = 0;   // the epoch, or an attempt
};

// 128 random bits for the place (row, column) of a stream.
inline std::array<uint32_t, 4> philox(const Stream& stream, uint32_t row, uint32_t column) {
    uint32_t c0 = column, c1 = row, c2 = static_cast<uint32_t>(stream.purpose) << 24 | stream.layer, c3 = stream.step;
    uint32_t k0 = static_cast<uint32_t>(stream.seed), k1 = static_cast<uint32_t>(stream.seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = uint64_t{0xD2511F53} * c0, p1 = uint64_t{0xCD9E8D57} * c2;
        c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<uint32_t>(p1);
        c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<uint32_t>(p0);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return {c0, c1, c2, c3};
}

inline uint64_t joined(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

// Uniform in (0, 1): the middle of one of 2^52 equal cells, exactly.
inline double uniform(uint64_t bits) { return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52; }

}  // namespace fastmlp
