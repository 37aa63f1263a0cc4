#include "random/draws.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace fastmlp {
namespace {

// log x for 0 < x < 1, to about one unit in the last place: x = 2^e m, log m = 2 artanh((m-1)/(m+1)) as its series.
double portable_log(double x) {
    int e;
    double m = std::frexp(x, &e);  // exact
    if (m < 0.70710678118654752440) {
        m *= 2;
        --e;
    }
    const double s = (m - 1) / (m + 1), z = s * s;
    double sum = 0;
    for (int odd = 23; odd >= 1; odd -= 2) sum = sum * z + 2.0 / odd;  // |s| <= 0.172: the next term is below 2^-60
    return e * 0.6931471805599453094 + s * sum;
}

// The upper 64 of the 128 bits of a * b
uint64_t high_product(uint64_t a, uint64_t b) {
    const uint64_t low = (a & 0xffffffff) * (b & 0xffffffff) >> 32, cross = (a >> 32) * (b & 0xffffffff);
    const uint64_t other = (a & 0xffffffff) * (b >> 32), middle = low + (cross & 0xffffffff) + (other & 0xffffffff);
    return (a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32) + (middle >> 32);
}

}  // namespace

std::array<double, 2> symmetric_pair(const Stream& stream, uint32_t row, uint32_t column) {
    const auto word = philox(stream, row, column);
    return {2 * uniform(joined(word[0], word[1])) - 1, 2 * uniform(joined(word[2], word[3])) - 1};
}

// The polar method: G. Marsaglia and T. A. Bray, "A convenient method for generating normal variables", SIAM Review 6 (1964).
// Attempts count up in the stream's step.
std::array<double, 2> normal_pair(Stream stream, uint32_t row, uint32_t column) {
    for (;; ++stream.step) {
        const auto [u, v] = symmetric_pair(stream, row, column);
        const double square = u * u + v * v;
        if (square >= 1) continue;
        const double factor = std::sqrt(-2 * portable_log(square) / square);
        return {u * factor, v * factor};
    }
}

uint64_t uniform_below(const Stream& stream, uint64_t place, uint64_t n) {
    const auto word = philox(stream, static_cast<uint32_t>(place >> 32), static_cast<uint32_t>(place));
    return high_product(joined(word[0], word[1]), n);
}

void resample(std::vector<int64_t>& rows, uint64_t seed, uint32_t model) {
    const Stream stream{seed, Purpose::bootstrap, 0, model};
    const auto n = static_cast<uint64_t>(rows.size());
    for (uint64_t i = 0; i < n; ++i) rows[i] = static_cast<int64_t>(uniform_below(stream, i, n));
}

// Fisher and Yates. A 64-bit number times n, shifted: its departure from uniform is below n / 2^64.
void permute(std::vector<int64_t>& order, uint64_t seed, uint32_t epoch) {
    const Stream stream{seed, Purpose::shuffle, 0, epoch};
    const auto n = static_cast<uint64_t>(order.size());
    for (uint64_t i = 0; i < n; ++i) order[i] = static_cast<int64_t>(i);
    for (uint64_t left = n; left > 1;) {
        const auto word = philox(stream, static_cast<uint32_t>(left >> 32), static_cast<uint32_t>(left));
        for (const uint64_t bits : {joined(word[0], word[1]), joined(word[2], word[3])}) {
            if (left <= 1) break;
            const uint64_t pick = high_product(bits, left);
            --left;
            std::swap(order[left], order[pick]);
        }
    }
}

// Fisher and Yates, as far as they are asked for.
std::vector<int64_t> choose(int64_t n, int64_t count, const Stream& stream, uint32_t column) {
    std::vector<int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    for (int64_t i = 0; i < count; ++i) {
        const auto word = philox(stream, static_cast<uint32_t>(i), column);
        const uint64_t pick = high_product(joined(word[0], word[1]), static_cast<uint64_t>(n - i));
        std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(i) + pick]);
    }
    order.resize(static_cast<std::size_t>(count));
    return order;
}

}  // namespace fastmlp
