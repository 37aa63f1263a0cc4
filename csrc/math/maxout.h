// Maxout (I. Goodfellow et al., ICML 2013): a unit is the largest of several sums, its pieces, each with weights of its own. It stands
// among the activations where people write them, but it changes the width of z: kernels/maxout.h computes it, in place of an activation.
#pragma once

#include "math/activations.h"

namespace fastmlp {

struct Maxout {
    static constexpr const char* name = "maxout";
    static constexpr const char* formula = "the largest of the pieces z_1, ..., z_k of a unit";
    static constexpr ActivationConstants constants = {1, {{"pieces", "of each unit, a whole number", 2, 2, 1025}}};
};

}  // namespace fastmlp
