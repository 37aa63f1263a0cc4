// What of a network is not plain: all that its layers have beside y = f(x W + b). A field for each such thing; the empty structure is the
// plain network.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "network/normalization.h"

namespace fastmlp {

struct Structure {
    std::vector<bool> masked{};  // of each layer: whether units lack some of their weights (mask.h); empty: of no layer
    std::vector<ChosenNormalization> normalization{};  // of each hidden layer; empty: none
    std::vector<std::array<int64_t, 2>> skips{};       // from y[first] into layer number `second`, from 1; the inputs are y[0]

    bool is_plain() const { return masked.empty() && normalization.empty() && skips.empty(); }
};

}  // namespace fastmlp
