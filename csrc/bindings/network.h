// The Network that Python holds, shared with its Trainer.
#pragma once

#include <memory>
#include <utility>

#include <pybind11/pybind11.h>

#include "bindings/arrays.h"
#include "network/network.h"

namespace fastmlp {

using NetworkPointer = std::shared_ptr<Network>;
using NetworkType = pybind11::class_<Network, NetworkPointer>;

void bind_predict(NetworkType& type);        // predict, evaluate
void bind_quick_predict(NetworkType& type);  // a front for predict: plain arrays, without pybind11's conversions

// Calls action(parameters) with the parameters of whichever precision the network has.
template <class Action>
decltype(auto) with_parameters(Network& network, const Action& action) {
    return std::visit([&](const auto& shared) -> decltype(auto) { return action(*shared); }, network.parameters);
}
template <class P>
struct ElementOf;
template <class T>
struct ElementOf<Parameters<T>> {
    using type = T;
};

// Throws std::invalid_argument where the loss cannot stand on this output unit.
void require_fit(const ChosenActivation& output_unit, int loss);

// Throws std::invalid_argument where a layer has no slope to go down.
void require_trainable(const Spec& spec);

// The targets of so many outputs as `loss` needs them, with the weights of the samples: checked, in the network's precision.
TargetArray loss_targets(const Network& network, int64_t outputs, const pybind11::object& targets, const pybind11::object& weights,
                         int64_t samples, const Loss& loss);

// The loss of that name with {name of a constant: a number or a sequence of numbers}, checked against so many units of a kind.
Loss loss_of(const ChosenActivation& output_unit, int64_t outputs, const std::string& name, const pybind11::dict& constants);

}  // namespace fastmlp
