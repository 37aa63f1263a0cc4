// A number that the caller chose, against the range that its row allows.
#pragma once

#include <cstdio>
#include <stdexcept>
#include <string>

namespace fastmlp {

// Throws std::invalid_argument naming the value and the range; NaN is in none.
inline void require_range(const char* name, double value, double least, double below) {
    if (value >= least && value < below) return;
    char text[160];
    std::snprintf(text, sizeof(text), "%s = %g is not between %g (included) and %g (excluded)", name, value, least, below);
    throw std::invalid_argument(text);
}

}  // namespace fastmlp
