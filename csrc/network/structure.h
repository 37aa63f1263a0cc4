// What of a network is not plain: all that its layers have beside y = f(x W + b). A field for each such thing; the empty structure is the
// plain network.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "network/activation.h"
#include "network/normalization.h"

namespace fastmlp {

// One of several heads: a range of the outputs with an output unit of its own.
struct Head {
    int64_t units;
    ChosenActivation unit;
};

// Layer `follower` has the W and b of layer `owner`, which stands below it; transposed, W^T and a bias of its own.
struct Tie {
    int64_t owner, follower;
};

struct Structure {
    std::vector<Head> heads;  // their units are the outputs, in order; none: the last layer's activation is the output unit

    std::vector<bool> masked{};              // of each layer: whether units lack some of their weights (mask.h); empty: of no layer
    std::vector<Tie> tied, tied_transposed;  // each follower once

    std::vector<ChosenNormalization> normalization{};  // of each hidden layer; empty: none
    std::vector<std::array<int64_t, 2>> skips{};       // from y[first] into layer number `second`, from 1; the inputs are y[0]

    // Heads concern the end of the network alone.
    bool is_plain() const { return tied.empty() && tied_transposed.empty() && masked.empty() && normalization.empty() && skips.empty(); }
    int64_t owner_of(int64_t l) const { return owner_in(tied, l); }
    int64_t weight_owner_of(int64_t l) const { return owner_in(tied_transposed, owner_of(l)); }

private:
    static int64_t owner_in(const std::vector<Tie>& ties, int64_t l) {
        for (const Tie& tie : ties)
            if (tie.follower == l) return tie.owner;
        return l;
    }
};

}  // namespace fastmlp
