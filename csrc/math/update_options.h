// What a step does beside the optimizer: limits of the gradient (the mean over the batch, before penalties), and multiples of the
// learning rate. Pascanu, Mikolov and Bengio (2013) for the norm.
#pragma once

#include "math/hyperparameters.h"

namespace fastmlp {

struct UpdateOptions {
    enum { clip_value, clip_norm, layer_rates, bias_rate, count };
    static constexpr double largest_multiple = 1e3;  // two of them times a rate below `unlimited`: finite in every precision
    static constexpr Hyperparameter rows[] = {
        {"clip_value", "largest magnitude of one element of the gradient; 0: no limit", 0, 0, unlimited, false},
        {"clip_norm", "largest norm of the gradient of all parameters together; 0: no limit", 0, 0, unlimited, false},
        {"layer_rates", "learning rate of each layer, as a multiple; 0: the layer stays as it is", 1, 0, largest_multiple, false},
        {"bias_rate", "learning rate of the biases, as a multiple of that of the weights", 1, 0, largest_multiple, false}};
};

}  // namespace fastmlp
