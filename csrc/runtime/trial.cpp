#include "runtime/trial.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

namespace fastmlp {
namespace {

constexpr int64_t depth = 256;  // pairs
constexpr int64_t width = largest_tile_vectors * largest_lanes;

struct Operands {
    std::vector<Pair> a, b;
    std::vector<float> c;

    Operands() : a(largest_tile_rows * depth), b(depth * width), c(largest_tile_rows * width) {
        uint32_t state = 1;
        for (std::vector<Pair>* words : {&a, &b})
            for (Pair& word : *words) {
                state = state * 1664525 + 1013904223;
                word = ((state ^ state >> 16) & 0x80ff80ffu) | 0x3f003f00u;  // two numbers of either sign, 0.5 to 2
            }
    }
};

void run(const PairKernels& kernels, int rows, Operands& on) {
    TileArguments<Pair> arguments{};
    arguments.k = depth;
    arguments.a = on.a.data();
    arguments.a_row = depth;
    arguments.a_step = 1;
    arguments.b = on.b.data();
    arguments.b_row = width;
    arguments.c = on.c.data();
    arguments.c_row = width;
    kernels.tile[static_cast<int>(Walk::along_rows)][kernels.tile_vectors - 1][rows - 1](arguments);
}

bool same_bits(const PairKernels& best, const PairKernels& plain, Operands& on) {
    const int rows = std::min(best.tile_rows, plain.tile_rows);
    const int64_t columns = static_cast<int64_t>(largest_tile_vectors) * std::min(best.lanes, plain.lanes);
    run(plain, rows, on);
    const std::vector<float> expected = on.c;
    std::fill(on.c.begin(), on.c.end(), 0.0f);
    run(best, rows, on);
    for (int64_t i = 0; i < rows; ++i)
        if (std::memcmp(&expected[static_cast<std::size_t>(i * width)], &on.c[static_cast<std::size_t>(i * width)],
                        static_cast<std::size_t>(columns) * sizeof(float)) != 0)
            return false;
    return true;
}

// Of the largest tile, for each element.
double seconds(const PairKernels& kernels, Operands& on) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 4; ++i) run(kernels, kernels.tile_rows, on);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
           (kernels.tile_rows * kernels.tile_vectors * kernels.lanes);
}

}  // namespace

bool pays(const PairKernels& best, const PairKernels& plain) {
    Operands on;
    if (!same_bits(best, plain, on)) return false;
    double best_seconds = 1, plain_seconds = 1;
    for (int i = 0; i < 8; ++i) {  // in turns, and the least of each: others may use the processor too
        best_seconds = std::min(best_seconds, seconds(best, on));
        plain_seconds = std::min(plain_seconds, seconds(plain, on));
    }
    return best_seconds < plain_seconds;
}

}  // namespace fastmlp
