// What of a network is not plain: all that its layers have beside y = f(x W + b). A field for each such thing; the empty structure is the
// plain network.
#pragma once

#include <vector>

namespace fastmlp {

struct Structure {
    std::vector<bool> masked{};  // of each layer: whether units lack some of their weights (mask.h); empty: of no layer

    bool is_plain() const { return masked.empty(); }
};

}  // namespace fastmlp
