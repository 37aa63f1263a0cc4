#include "network/optimizer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "network/range.h"
#include "network/spec.h"

namespace fastmlp {
namespace {

template <class Row>
OptimizerRow make_row() {
    constexpr int count = static_cast<int>(sizeof(Row::hyperparameters) / sizeof(Hyperparameter));
    static_assert(count <= largest_hyperparameters, "math/optimizers.h says how many there may be");
    return {Row::name,    Row::formula,     Row::adaptive, Row::hyperparameters,
            count,        Row::seen_states, Row::states,   Row::keeps_without_gradient,
            Row::prepare, Row::bound};
}

template <class... Rows>
std::vector<OptimizerRow> make_rows(Catalog<Rows...>) {
    return {make_row<Rows>()...};
}

const OptimizerRow& row_of(const Optimizer& optimizer) { return optimizers()[static_cast<std::size_t>(optimizer.id)]; }

// Biases carry no penalty (A7).
Optimizer without_penalty(const Optimizer& optimizer) {
    const OptimizerRow& row = row_of(optimizer);
    Optimizer without = optimizer;
    for (int i = 0; i < row.count; ++i)
        if (row.hyperparameters[i].on_weights_only) without.of[static_cast<std::size_t>(i)] = 0;
    return without;
}

template <class T>
std::array<T, largest_scalars> scalars_of(const OptimizerRow& row, const Optimizer& optimizer, int64_t step) {
    std::array<double, largest_scalars> exact{};
    row.prepare(optimizer.of.data(), step, exact.data());
    std::array<T, largest_scalars> scalars{};
    for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i] = static_cast<T>(exact[i]);
    return scalars;
}

int hyperparameter_id(const OptimizerRow& row, const std::string& name) {
    std::string choices;
    for (int i = 0; i < row.count; ++i) {
        if (name == row.hyperparameters[i].name) return i;
        choices += std::string(i ? ", " : "") + row.hyperparameters[i].name;
    }
    throw std::invalid_argument("optimizer '" + std::string(row.name) + "' has no '" + name + "'; it has: " + choices);
}

}  // namespace

const std::vector<OptimizerRow>& optimizers() {
    static const std::vector<OptimizerRow> rows = make_rows(Optimizers());
    return rows;
}

Optimizer make_optimizer(const std::string& name, const Named& hyperparameters) {
    Optimizer optimizer;
    optimizer.id = id_of(name, Optimizers::names, Optimizers::size, "optimizer");
    const OptimizerRow& row = row_of(optimizer);
    for (int i = 0; i < row.count; ++i) optimizer.of[static_cast<std::size_t>(i)] = row.hyperparameters[i].initial;
    for (const auto& [key, value] : hyperparameters) {
        const int i = hyperparameter_id(row, key);
        require_range(row.hyperparameters[i].name, value, row.hyperparameters[i].least, row.hyperparameters[i].below);
        optimizer.of[static_cast<std::size_t>(i)] = value;
    }
    return optimizer;
}

template <class T>
OptimizerState<T>::OptimizerState(const Optimizer& optimizer)
    : for_weights(optimizer), for_biases(without_penalty(optimizer)), row(row_of(optimizer)), states(row.states(optimizer.of.data())) {}

template <class T>
void OptimizerState<T>::take(Arena& in, const Parameters<T>& parameters) {
    weights.assign(static_cast<std::size_t>(parameters.layers()), {});
    biases = weights;
    for (std::size_t l = 0; l < weights.size(); ++l) {
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        for (std::size_t s = 0; s < static_cast<std::size_t>(states); ++s) {
            weights[l][s] = in.take<T>(checked_product(layer.in, layer.weight_row));
            biases[l][s] = in.take<T>(layer.weight_row);
        }
    }
}

template <class T>
T OptimizerState<T>::largest_magnitude(const Parameters<T>& parameters) const {
    T largest = 0;
    const auto see = [&largest](const T* of, int64_t count) {
        for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(of[i]));
    };
    for (std::size_t l = 0; l < weights.size(); ++l) {
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        for (std::size_t s = 0; s < static_cast<std::size_t>(std::min(states, row.seen_states)); ++s) {
            see(weights[l][s], layer.in * layer.weight_row);
            see(biases[l][s], layer.out);
        }
    }
    return largest;
}

template <class T>
void OptimizerState<T>::next_step() {
    ++steps;
    weight_scalars = scalars_of<T>(row, for_weights, steps);
    bias_scalars = for_biases.of == for_weights.of ? weight_scalars : scalars_of<T>(row, for_biases, steps);
}

template struct OptimizerState<float>;
template struct OptimizerState<double>;

}  // namespace fastmlp
