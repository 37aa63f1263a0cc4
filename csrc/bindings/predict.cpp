// fastmlp._core.Network in use: predict and evaluate, every argument looked at.
#include "network/predict.h"

#include <algorithm>

#include "bindings/arrays.h"
#include "bindings/calls.h"
#include "bindings/network.h"
#include "bindings/task.h"
#include "math/catalog.h"
#include "runtime/dispatch.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// The pass over the data ended early: say why.
void require_complete(PassEnd end, PythonPoll& poll, const InputArray& x, int64_t features, const char* dtype) {
    poll.rethrow();
    if (end == PassEnd::complete) return;
    require_finite(x, features, "x");
    throw py::value_error(std::string("x, scaled, exceeds the range of ") + dtype);
}

void require_threads(int threads) {
    if (threads < 0) throw py::value_error("threads = " + std::to_string(threads) + " must be 0 (automatic) or more");
}

py::array network_predict(Network& network, const py::object& x, int threads, const py::object& out) {
    require_threads(threads);
    const auto lock = network.read();
    const InputArray input = input_array(x, network.spec.inputs(), "x");
    return with_parameters(network, [&](const auto& parameters) -> py::array {
        using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
        py::array result = output_array<T>(out, input.view.count, network.spec.outputs());
        // What is still to be read must not be written: results go to a place of their own first.
        const bool shared = overlap(input.view, network.spec.inputs(), result);
        py::array outputs = shared ? output_array<T>(py::none(), input.view.count, network.spec.outputs()) : result;
        T* const data = static_cast<T*>(outputs.mutable_data());
        PythonPoll python;
        const Poll poll = python.poll();
        PassEnd end;
        {
            const py::gil_scoped_release released;
            end = predict(table<T>(kernels()), parameters, std::get<Workspaces<T>>(network.workspaces), network.scaled(input.view), data,
                          threads, poll);
        }
        require_complete(end, python, input, network.spec.inputs(), dtype_name<T>);
        if (shared) std::copy(data, data + outputs.size(), static_cast<T*>(result.mutable_data()));
        return result;
    });
}

py::tuple network_evaluate(Network& network, const py::object& x, const py::object& t, const std::string& loss_name, int threads,
                           const py::dict& loss_constants, const py::object& sample_weight) {
    require_threads(threads);
    const auto lock = network.read();
    const Spec& spec = network.spec;
    if (!spec.structure.heads.empty()) throw py::value_error("the network has heads: measure it with evaluate_tasks");
    const Loss loss = loss_of(spec.activations.back(), spec.outputs(), loss_name, loss_constants);
    const InputArray input = input_array(x, spec.inputs(), "x");
    const TargetArray targets = loss_targets(network, spec.outputs(), t, sample_weight, input.view.count, loss);
    return with_parameters(network, [&](const auto& parameters) {
        using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
        PythonPoll python;
        const Poll poll = python.poll();
        Tally tally;
        const LossInUse<T> in_use(table<T>(kernels()), loss, network.spec.output_unit());
        PassEnd end;
        {
            const py::gil_scoped_release released;
            end = evaluate(table<T>(kernels()), parameters, std::get<Workspaces<T>>(network.workspaces), network.scaled(input.view),
                           view_of<T>(targets, network.spec.outputs()), in_use, threads, poll, tally);
        }
        require_complete(end, python, input, network.spec.inputs(), dtype_name<T>);
        return py::make_tuple(tally.loss_sum / static_cast<double>(tally.samples), tally.correct);
    });
}

py::tuple network_evaluate_tasks(Network& network, const py::object& x, const py::object& tasks, int threads) {
    require_threads(threads);
    const auto lock = network.read();
    if (network.spec.structure.heads.empty()) throw py::value_error("the network has no heads: measure it with evaluate");
    const InputArray input = input_array(x, network.spec.inputs(), "x");
    const std::vector<TaskArrays> arrays = task_arrays(network, tasks, input.view.count);
    return with_parameters(network, [&](const auto& parameters) {
        using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
        PythonPoll python;
        const Poll poll = python.poll();
        Tally tally;
        const HeadLosses<T> losses = head_losses(table<T>(kernels()), parameters, arrays);
        PassEnd end;
        {
            const py::gil_scoped_release released;
            end = evaluate_heads(table<T>(kernels()), parameters, std::get<Workspaces<T>>(network.workspaces), network.scaled(input.view),
                                 losses, threads, poll, tally);
        }
        require_complete(end, python, input, network.spec.inputs(), dtype_name<T>);
        const auto samples = static_cast<double>(tally.samples);
        py::list by_head;
        for (const HeadTally& head : tally.heads) by_head.append(py::make_tuple(head.loss_sum / samples, head.correct));
        return py::make_tuple(tally.loss_sum / samples, by_head);
    });
}

}  // namespace

void bind_predict(NetworkType& type) {
    type.def("predict", &network_predict, py::arg("x"), py::arg("threads") = 0, py::kw_only(), py::arg("out") = py::none())
        .def("evaluate", &network_evaluate, py::arg("x"), py::arg("targets"), py::arg("loss"), py::arg("threads") = 0, py::kw_only(),
             py::arg("loss_constants") = py::dict(), py::arg("sample_weight") = py::none())
        .def("evaluate_tasks", &network_evaluate_tasks, py::arg("x"), py::arg("tasks"), py::arg("threads") = 0);
}

}  // namespace fastmlp
