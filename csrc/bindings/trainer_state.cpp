#include "bindings/trainer_state.h"

#include "bindings/layer_arrays.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

std::size_t at(int64_t l) { return static_cast<std::size_t>(l); }

// Of every layer, what weight_of and bias_of point to.
template <class T, class Weight, class Bias>
py::list all_layers(const Parameters<T>& parameters, const Weight& weight_of, const Bias& bias_of) {
    py::list layers;
    for (int64_t l = 0; l < parameters.layers(); ++l) layers.append(layer_arrays<T>(parameters[l], weight_of(at(l)), bias_of(at(l))));
    return layers;
}

}  // namespace

template <class T>
py::dict state_of(const StepPlan<T>& plan, const Parameters<T>& parameters) {
    const OptimizerState<T>& optimizer = plan.optimizer;
    py::list states;
    for (std::size_t s = 0; s < static_cast<std::size_t>(optimizer.states); ++s)
        states.append(all_layers(
            parameters, [&](std::size_t l) { return optimizer.weights[l][s]; }, [&](std::size_t l) { return optimizer.biases[l][s]; }));
    return py::dict(py::arg("steps") = optimizer.steps, py::arg("states") = states, py::arg("average") = average_of(plan, parameters));
}

template <class T>
py::object average_of(const StepPlan<T>& plan, const Parameters<T>& parameters) {
    if (!plan.average.decay) return py::none();
    return all_layers(
        parameters, [&](std::size_t l) { return plan.average.weights[l]; }, [&](std::size_t l) { return plan.average.biases[l]; });
}

template <class T>
void set_state(StepPlan<T>& plan, const Parameters<T>& parameters, int64_t steps, const py::sequence& states, const py::object& average) {
    OptimizerState<T>& optimizer = plan.optimizer;
    if (steps < 0) throw py::value_error("steps = " + std::to_string(steps) + " must not be negative");
    if (states.size() != static_cast<std::size_t>(optimizer.states))
        throw py::value_error("states has " + std::to_string(states.size()) + " entries; the optimizer '" + optimizer.row.name +
                              "' keeps " + std::to_string(optimizer.states));
    if (average.is_none() == plan.average.decay.has_value())
        throw py::value_error(average.is_none() ? "average is None; this trainer keeps one" : "average is given; this trainer keeps none");
    std::vector<std::vector<LayerArrays<T>>> checked;
    for (std::size_t s = 0; s < states.size(); ++s)
        checked.push_back(checked_layers<T>(parameters, states[s].template cast<py::sequence>(), "states[" + std::to_string(s) + "]"));
    std::vector<LayerArrays<T>> averages;
    if (!average.is_none()) averages = checked_layers<T>(parameters, average.cast<py::sequence>(), "average");

    optimizer.steps = steps;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        for (std::size_t s = 0; s < checked.size(); ++s)
            put<T>(parameters[l], checked[s][at(l)], optimizer.weights[at(l)][s], optimizer.biases[at(l)][s]);
        if (!averages.empty()) put<T>(parameters[l], averages[at(l)], plan.average.weights[at(l)], plan.average.biases[at(l)]);
    }
    // What the next step's proof starts from (network/commit.h).
    for (Peaks<T>& member : plan.peaks) member.parameters = 0;
    plan.peaks[0].parameters = std::max(parameters.largest_magnitude(), optimizer.largest_magnitude(parameters));
}

template py::dict state_of(const StepPlan<float>&, const Parameters<float>&);
template py::dict state_of(const StepPlan<double>&, const Parameters<double>&);
template py::object average_of(const StepPlan<float>&, const Parameters<float>&);
template py::object average_of(const StepPlan<double>&, const Parameters<double>&);
template void set_state(StepPlan<float>&, const Parameters<float>&, int64_t, const py::sequence&, const py::object&);
template void set_state(StepPlan<double>&, const Parameters<double>&, int64_t, const py::sequence&, const py::object&);

}  // namespace fastmlp
