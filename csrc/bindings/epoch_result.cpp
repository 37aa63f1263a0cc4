#include "bindings/epoch_result.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bindings/module.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

using Heads = std::vector<std::pair<double, int64_t>>;  // sum of the losses and count of right samples of each

EpochResult make_result(int64_t epoch, double loss_sum, int64_t correct, int64_t samples, int64_t steps, double learning_rate,
                        const Heads& heads) {
    EpochResult result;
    result.tally = {loss_sum, correct, samples};
    for (const auto& [sum, right] : heads) result.tally.heads.push_back({sum, right});
    result.steps = steps;
    result.learning_rate = learning_rate;
    result.epoch = epoch;
    return result;
}

double mean_loss(const EpochResult& result) {
    return result.tally.samples ? result.tally.loss_sum / static_cast<double>(result.tally.samples) : std::nan("");
}

Heads heads_of(const EpochResult& result) {
    Heads heads;
    for (const HeadTally& head : result.tally.heads) heads.emplace_back(head.loss_sum, head.correct);
    return heads;
}

}  // namespace

py::array array_of(const std::vector<StepFigures>& steps) {
    py::array_t<double> figures({steps.size(), std::size_t{2}});
    for (std::size_t i = 0; i < steps.size(); ++i) {
        figures.mutable_at(i, 0) = steps[i].loss;
        figures.mutable_at(i, 1) = steps[i].learning_rate;
    }
    return figures;
}

void require_begun(const EpochResult& so_far, int64_t epoch, int64_t batch, int64_t rows, std::size_t heads) {
    if (so_far.tally.heads.size() != heads)
        throw std::invalid_argument("so_far has " + std::to_string(so_far.tally.heads.size()) + " heads; the network has " +
                                    std::to_string(heads));
    const int64_t samples = so_far.tally.samples, most_steps = (rows + batch - 1) / batch;
    const bool whole_steps = so_far.steps >= 0 && so_far.steps <= most_steps && samples == std::min(rows, so_far.steps * batch);
    if (so_far.epoch == epoch && whole_steps) return;
    throw std::invalid_argument("so_far says epoch " + std::to_string(so_far.epoch) + ", " + std::to_string(so_far.steps) + " steps, " +
                                std::to_string(samples) + " samples; epoch " + std::to_string(epoch) + " has steps of " +
                                std::to_string(batch) + " of " + std::to_string(rows) + " samples");
}

void bind_epoch_result(py::module_& module) {
    py::class_<EpochResult>(module, "EpochResult", "What one epoch, or its part before an interruption, has done.")
        .def(py::init(&make_result), py::kw_only(), py::arg("epoch"), py::arg("loss_sum"), py::arg("correct"), py::arg("samples"),
             py::arg("steps"), py::arg("learning_rate"), py::arg("heads") = Heads())
        .def_property_readonly("epoch", [](const EpochResult& r) { return r.epoch; })
        .def_property_readonly("loss_sum", [](const EpochResult& r) { return r.tally.loss_sum; })
        .def_property_readonly("loss", &mean_loss)
        .def_property_readonly("correct", [](const EpochResult& r) { return r.tally.correct; })
        .def_property_readonly("samples", [](const EpochResult& r) { return r.tally.samples; })
        .def_property_readonly("steps", [](const EpochResult& r) { return r.steps; })
        .def_property_readonly("learning_rate", [](const EpochResult& r) { return r.learning_rate; })
        .def_property_readonly("heads", &heads_of)
        .def_property_readonly("evaluations", [](const EpochResult& r) { return r.evaluations; })
        .def_property_readonly("stop_reason", [](const EpochResult& r) { return r.stop_reason; });
}

}  // namespace fastmlp
