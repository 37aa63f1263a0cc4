#include "bindings/trainer_state.h"

#include "bindings/full_batch_state.h"
#include "bindings/layer_arrays.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

std::size_t at(int64_t l) { return static_cast<std::size_t>(l); }

// State s of the optimizer, of what is trained.
template <class T>
auto tensors_of_state(const StepPlan<T>& plan, const Parameters<T>& parameters, std::size_t s) {
    return [&plan, &parameters, s](int64_t l) {
        const OptimizerState<T>& of = plan.optimizer;
        return layer_tensors(parameters[l], of.weights[at(l)][s], of.biases[at(l)][s],
                             [&](std::size_t e) { return of.extras[at(l)][e][s]; });
    };
}

// The average, where there is one of a tensor, else the tensor itself.
template <class T>
auto tensors_of_average(const StepPlan<T>& plan, const Parameters<T>& parameters) {
    return [&plan, &parameters](int64_t l) {
        const WeightAverage<T>& of = plan.average;
        return layer_tensors(parameters[l], of.weights[at(l)], of.biases[at(l)],
                             [&, l](std::size_t e) { return of.extras[at(l)][e] ? of.extras[at(l)][e] : parameters[l].extras[e].values; });
    };
}

template <class T>
void put_average(const std::vector<LayerTensor<T>>& tensors, const LayerArrays<T>& from) {
    for (std::size_t i = 0; i < tensors.size(); ++i)
        if (tensors[i].extra == nullptr || tensors[i].extra->about.trained) put<T>({tensors[i]}, {from[i]});
}

}  // namespace

template <class T>
py::dict state_of(const StepPlan<T>& plan, const Parameters<T>& parameters) {
    const OptimizerState<T>& optimizer = plan.optimizer;
    py::list states;
    if (plan.full_batch) states = states_of(plan.full_batch->descent, parameters);
    for (std::size_t s = 0; s < static_cast<std::size_t>(optimizer.states); ++s)
        states.append(all_layers<T>(parameters, tensors_of_state(plan, parameters, s)));
    return py::dict(py::arg("steps") = optimizer.steps, py::arg("states") = states, py::arg("average") = average_of(plan, parameters));
}

template <class T>
py::object average_of(const StepPlan<T>& plan, const Parameters<T>& parameters) {
    if (!plan.average.decay) return py::none();
    return all_layers<T>(parameters, tensors_of_average(plan, parameters));
}

template <class T>
void set_state(StepPlan<T>& plan, const Parameters<T>& parameters, int64_t steps, const py::sequence& states, const py::object& average) {
    OptimizerState<T>& optimizer = plan.optimizer;
    if (steps < 0) throw py::value_error("steps = " + std::to_string(steps) + " must not be negative");
    if (plan.full_batch) {
        set_states(plan.full_batch->descent, parameters, states);
        optimizer.steps = steps;
        return;
    }
    if (states.size() != static_cast<std::size_t>(optimizer.states))
        throw py::value_error("states has " + std::to_string(states.size()) + " entries; the optimizer '" + optimizer.row.name +
                              "' keeps " + std::to_string(optimizer.states));
    if (average.is_none() == plan.average.decay.has_value())
        throw py::value_error(average.is_none() ? "average is None; this trainer keeps one" : "average is given; this trainer keeps none");
    std::vector<std::vector<LayerArrays<T>>> checked;
    for (std::size_t s = 0; s < states.size(); ++s)
        checked.push_back(checked_layers<T>(parameters, tensors_of_state(plan, parameters, s), states[s].template cast<py::sequence>(),
                                            "states[" + std::to_string(s) + "]"));
    std::vector<LayerArrays<T>> averages;
    if (!average.is_none())
        averages = checked_layers<T>(parameters, tensors_of_average(plan, parameters), average.cast<py::sequence>(), "average");

    optimizer.steps = steps;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        for (std::size_t s = 0; s < checked.size(); ++s) put<T>(tensors_of_state(plan, parameters, s)(l), checked[s][at(l)]);
        if (!averages.empty()) put_average<T>(tensors_of_average(plan, parameters)(l), averages[at(l)]);
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
