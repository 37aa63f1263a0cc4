#include "network/mask.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "network/plan.h"
#include "random/draws.h"

namespace fastmlp {

template <class T>
void apply_masks(const Parameters<T>& parameters, StepPlan<T>& plan) {
    OptimizerState<T>& optimizer = plan.optimizer;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        if (layer.mask == nullptr) continue;
        const auto i = static_cast<std::size_t>(l);
        const Range rows{0, layer.in}, columns{0, layer.out};
        mask_gradient(layer, rows, columns, layer.weight, layer.weight_row);
        for (std::size_t s = 0; s < static_cast<std::size_t>(optimizer.states); ++s)
            mask_gradient(layer, rows, columns, optimizer.weights[i][s], layer.weight_row);
        if (plan.average.decay) mask_gradient(layer, rows, columns, plan.average.weights[i], layer.weight_row);
    }
    // What the next step's proof starts from (commit.h), found as for a training that goes on from a checkpoint.
    for (Peaks<T>& member : plan.peaks) member.parameters = 0;
    plan.peaks[0].parameters = std::max(parameters.largest_magnitude(), optimizer.largest_magnitude(parameters));
}

std::vector<uint8_t> draw_connections(int64_t inputs, int64_t units, int64_t count, uint64_t seed, uint32_t layer) {
    if (count < 1 || count > inputs)
        throw std::invalid_argument("connections = " + std::to_string(count) + " is not between 1 and the " + std::to_string(inputs) +
                                    " inputs of layer " + std::to_string(layer));
    std::vector<uint8_t> mask(static_cast<std::size_t>(checked_product(inputs, units)), 0);
    for (int64_t unit = 0; unit < units; ++unit)
        for (const int64_t input : choose(inputs, count, {seed, Purpose::connections, layer}, static_cast<uint32_t>(unit)))
            mask[static_cast<std::size_t>(input * units + unit)] = 1;
    return mask;
}

template void apply_masks(const Parameters<float>&, StepPlan<float>&);
template void apply_masks(const Parameters<double>&, StepPlan<double>&);

}  // namespace fastmlp
