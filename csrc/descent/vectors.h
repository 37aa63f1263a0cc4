// Long vectors of doubles, some of them stored as T. A dot product is eight chains over each fixed block, the blocks joined in order: the
// same bits wherever it is computed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace fastmlp {

template <class A, class B>
double dot(const std::vector<A>& a, const std::vector<B>& b) {
    constexpr std::size_t chains = 8, block = 4096;
    double sum = 0;
    for (std::size_t first = 0; first < a.size(); first += block) {
        const std::size_t end = std::min(a.size(), first + block), whole = first + (end - first) / chains * chains;
        double sums[chains] = {};
        for (std::size_t i = first; i < whole; i += chains)
            for (std::size_t k = 0; k < chains; ++k) sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
        for (std::size_t i = whole; i < end; ++i) sums[i - whole] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        for (const double part : sums) sum += part;
    }
    return sum;
}

// a += factor b
template <class B>
void add(std::vector<double>& a, double factor, const std::vector<B>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += factor * static_cast<double>(b[i]);
}

// NaN where an element is NaN.
inline double largest_magnitude(const std::vector<double>& a) {
    double largest = 0;
    for (const double one : a) {
        if (std::isnan(one)) return one;
        largest = std::max(largest, std::abs(one));
    }
    return largest;
}

}  // namespace fastmlp
