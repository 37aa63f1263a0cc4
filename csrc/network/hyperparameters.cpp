#include "network/hyperparameters.h"

#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "network/range.h"

namespace fastmlp {
namespace {

std::string shown(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%g", value);
    return text;
}

}  // namespace

void require_range(const Hyperparameter& row, const std::string& name, double value) {
    const std::string given = name + " = " + shown(value) + " is ";
    if (row.takes == Takes::flag && value != 0 && value != 1) throw std::invalid_argument(given + "neither 0 (no) nor 1 (yes)");
    require_range(name.c_str(), value, row.least, row.below);
    if (row.takes == Takes::whole && value != std::floor(value)) throw std::invalid_argument(given + "not a whole number");
}

int position_of(const std::string& name, const Hyperparameter* rows, int count) {
    for (int i = 0; i < count; ++i)
        if (name == rows[i].name) return i;
    return -1;
}

std::string names_of(const Hyperparameter* rows, int count) {
    std::string names;
    for (int i = 0; i < count; ++i) names += std::string(i ? ", " : "") + rows[i].name;
    return names;
}

void read_values(const std::string& of_what, const Hyperparameter* rows, int count, const Named& named, double* values) {
    for (int i = 0; i < count; ++i) values[i] = rows[i].initial;
    for (const auto& [name, value] : named) {
        const int i = position_of(name, rows, count);
        if (i < 0) throw std::invalid_argument(of_what + " has no '" + name + "'; it has: " + names_of(rows, count));
        require_range(rows[i], name, value);
        values[i] = value;
    }
}

}  // namespace fastmlp
