#include "network/optimizer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "network/spec.h"

namespace fastmlp {
namespace {

template <class Row>
OptimizerRow make_row() {
    constexpr int count = static_cast<int>(sizeof(Row::hyperparameters) / sizeof(Hyperparameter));
    static_assert(count <= largest_hyperparameters, "math/optimizers.h says how many there may be");
    static_assert(Row::learning_rate == 0, "schedules set the first hyperparameter");
    return {Row::name,
            Row::formula,
            Row::adaptive,
            Row::hyperparameters,
            count,
            [](const double* h) { return Row::form(h); },
            Row::states,
            Row::seen_states,
            Row::keeps_without_gradient,
            Row::prepare,
            Row::bound};
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

double rate_of(const UpdateRule& rule, int64_t l) { return rule.layer_rates.empty() ? 1.0 : rule.layer_rates[static_cast<std::size_t>(l)]; }

void require_option(int option, double value, const std::string& place = "") {
    const Hyperparameter& row = UpdateOptions::rows[option];
    require_range(row, row.name + place, value);
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
    read_values("optimizer '" + name + "'", row.hyperparameters, row.count, hyperparameters, optimizer.of.data());
    return optimizer;
}

void require_sound(const UpdateRule& rule, int64_t layers) {
    require_option(UpdateOptions::clip_value, rule.clip_value);
    require_option(UpdateOptions::clip_norm, rule.clip_norm);
    require_option(UpdateOptions::bias_rate, rule.bias_rate);
    for (std::size_t l = 0; l < rule.layer_rates.size(); ++l)
        require_option(UpdateOptions::layer_rates, rule.layer_rates[l], "[" + std::to_string(l) + "]");
    if (rule.clip_value != 0 && rule.clip_norm != 0) throw std::invalid_argument("clip_value and clip_norm are both given; choose one");
    const auto given = static_cast<int64_t>(rule.layer_rates.size());
    if (given != 0 && given != layers)
        throw std::invalid_argument("layer_rates has " + std::to_string(given) + " entries; the network has " + std::to_string(layers) +
                                    " layers");
}

template <class T>
OptimizerState<T>::OptimizerState(const UpdateRule& chosen, int64_t layers)
    : rule(chosen),
      row(row_of(rule.optimizer)),
      states(row.states(row.form(rule.optimizer.of.data()))),
      constant_(rule.schedule.is_constant()),
      largest_(rule.optimizer.of) {
    const Optimizer for_biases = without_penalty(rule.optimizer);
    double largest = 0;
    for (int64_t l = 0; l < layers; ++l) {
        weight_group_.push_back(group(rule.optimizer, rate_of(rule, l)));
        bias_group_.push_back(group(for_biases, rate_of(rule, l) * rule.bias_rate));
        extra_group_.push_back(group(for_biases, rate_of(rule, l)));
        largest = std::max({largest, rate_of(rule, l), rate_of(rule, l) * rule.bias_rate});
    }
    largest_[0] *= largest;
}

// The group with these numbers, which is made where there is none.
template <class T>
std::size_t OptimizerState<T>::group(const Optimizer& optimizer, double multiple) {
    const auto found = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const ParameterGroup<T>& one) { return one.with.of == optimizer.of && one.multiple == multiple; });
    if (found != groups_.end()) return static_cast<std::size_t>(found - groups_.begin());
    groups_.push_back({optimizer, multiple, row.form(optimizer.of.data())});
    return groups_.size() - 1;
}

template <class T>
void OptimizerState<T>::take(Arena& in, const Parameters<T>& parameters) {
    weights.assign(static_cast<std::size_t>(parameters.layers()), {});
    biases = weights;
    extras.assign(weights.size(), {});
    for (std::size_t l = 0; l < weights.size(); ++l) {
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        for (std::size_t s = 0; s < static_cast<std::size_t>(states); ++s) {
            const auto owner = static_cast<std::size_t>(layer.owner);
            weights[l][s] = owner == l ? in.take<T>(checked_product(layer.in, layer.weight_row)) : weights[owner][s];
            biases[l][s] = owner == l ? in.take<T>(layer.weight_row) : biases[owner][s];
        }
        for (const Extra<T>& extra : layer.extras) {
            extras[l].push_back({});
            for (std::size_t s = 0; extra.about.trained && s < static_cast<std::size_t>(states); ++s)
                extras[l].back()[s] = in.take<T>(extra.size());
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
        const auto seen = [&](const ParameterGroup<T>& group) {
            return static_cast<std::size_t>(std::min(states, row.seen_states(group.form)));
        };
        const auto number = static_cast<int64_t>(l);
        for (std::size_t s = 0; s < seen(of_weights(number)); ++s) see(weights[l][s], layer.in * layer.weight_row);
        for (std::size_t s = 0; s < seen(of_biases(number)); ++s) see(biases[l][s], layer.out);
        for (std::size_t e = 0; e < extras[l].size(); ++e)
            for (std::size_t s = 0; layer.extras[e].about.trained && s < seen(of_extra(number, layer.extras[e])); ++s)
                see(extras[l][e][s], layer.extras[e].size());
    }
    return largest;
}

template <class T>
void OptimizerState<T>::prepare(ParameterGroup<T>& of) {
    of.with.of[0] = learning_rate * of.multiple;
    for (int64_t step = prepared_ + 1; step <= steps; ++step) row.prepare(of.with.of.data(), step, of.exact.data());
    for (std::size_t i = 0; i < of.exact.size(); ++i) of.scalars[i] = static_cast<T>(of.exact[i]);
}

template <class T>
void OptimizerState<T>::next_step() {
    learning_rate = next_learning_rate();
    ++steps;
    for (ParameterGroup<T>& one : groups_) prepare(one);
    prepared_ = steps;
}

template class OptimizerState<float>;
template class OptimizerState<double>;

}  // namespace fastmlp
