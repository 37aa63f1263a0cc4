// The exponential moving average of the parameters (EMA, as in PyTorch's swa_utils): after the first step it is the parameters, and
// after each later one a <- decay a + (1 - decay) w.
#pragma once

#include <optional>
#include <vector>

#include "math/optimizers.h"
#include "network/parameters.h"
#include "runtime/team.h"

namespace fastmlp {

constexpr Hyperparameter ema_decay_row = {"ema_decay", "share of the average weights that is kept at a step", 0.999, 0, 1, false};

template <class T>
struct WeightAverage {
    const std::optional<double> decay;    // none: nothing is kept
    std::vector<T*> weights, biases;      // [l]: as weight and bias of the layer
    std::vector<std::vector<T*>> extras;  // [l][e]: as its other tensors; null where that is not trained

    void take(Arena& in, const Parameters<T>& parameters);
};

template <class T>
struct StepContext;

// After the update of a step, by all members together; it begins with a barrier.
template <class T>
void average_parameters(const StepContext<T>& context, const Member& member);

}  // namespace fastmlp
