// First weights. Each value depends on (seed, layer, row, column) alone, or, where weights must fit each other, on (seed, layer).
#pragma once

#include <string>
#include <vector>

#include "network/parameters.h"

namespace fastmlp {

// What to fill fresh parameters with.
struct Initializer {
    std::string weights;  // a name of initializer_names()
    std::string biases;   // "zeros" or "normal"
    double std;           // of "normal", for weights and biases
    uint64_t seed;
};

struct InitializerRow {
    const char* name;
    const char* formula;
};
const std::vector<InitializerRow>& initializers();

// Throws std::invalid_argument before anything is changed.
template <class T>
void initialize(Parameters<T>& parameters, const Initializer& with);

}  // namespace fastmlp
