// fastmlp._core.catalog: names, formulas and defaults, read from the structs that compute them.
#include "math/catalog.h"

#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "bindings/module.h"
#include "math/bf16.h"
#include "math/dropout_schedules.h"
#include "math/maxout.h"
#include "network/average.h"
#include "network/descent_methods.h"
#include "network/initialize.h"
#include "network/loss.h"
#include "network/mixup.h"
#include "network/normalization.h"
#include "network/optimizer.h"
#include "network/spec.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

py::list rows_of(const ActivationConstants& constants) {
    py::list rows;
    for (int i = 0; i < constants.count; ++i) {
        const ActivationConstant& one = constants.of[i];
        rows.append(py::dict(py::arg("name") = one.name, py::arg("meaning") = one.meaning, py::arg("default") = one.initial,
                             py::arg("least") = one.least, py::arg("below") = one.below));
    }
    return rows;
}

py::list activation_rows() {
    py::list rows;
    for (const ActivationRow& row : activations())
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula, py::arg("rowwise") = row.rowwise,
                             py::arg("rectifies") = row.rectifies, py::arg("trainable") = row.trainable,
                             py::arg("self_normalizes") = row.self_normalizes, py::arg("keeps_slope") = row.keeps_slope,
                             py::arg("learned") = row.learned, py::arg("ulp") = row.ulp, py::arg("constants") = rows_of(row.constants)));
    return rows;
}

py::dict maxout_row() {
    return py::dict(py::arg("name") = Maxout::name, py::arg("formula") = Maxout::formula,
                    py::arg("constants") = rows_of(Maxout::constants));
}

py::list normalization_rows() {
    py::list rows;
    for (const NormalizationRow& row : Normalizations::rows)
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula,
                             py::arg("over_samples") = row.over == Over::samples, py::arg("constants") = rows_of(row.constants)));
    return rows;
}

py::list constants_of(const LossRow& row) {
    py::list constants;
    for (int i = 0; i < row.count; ++i) {
        const LossConstant& one = row.constants[i];
        constants.append(py::dict(py::arg("name") = one.name, py::arg("meaning") = one.meaning, py::arg("default") = one.initial,
                                  py::arg("least") = one.least, py::arg("below") = one.below,
                                  py::arg("for_each_output") = one.for_each_output));
    }
    return constants;
}

py::list loss_rows() {
    py::list rows;
    for (int id = 0; id < Losses::size; ++id) {
        const LossRow& row = losses()[static_cast<std::size_t>(id)];
        py::list outputs;
        for (int output = 0; output < Activations::size; ++output)
            if (fits(id, output)) outputs.append(Activations::names[output]);
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula, py::arg("outputs") = outputs,
                             py::arg("constants") = constants_of(row), py::arg("targets") = target_domains[static_cast<int>(row.targets)],
                             py::arg("is_margin") = row.is_margin, py::arg("log_outputs") = row.log_outputs));
    }
    return rows;
}

py::list hyperparameter_rows(const Hyperparameter* rows, std::size_t count) {
    const char* const kinds[] = {"number", "whole", "flag"};
    py::list list;
    for (std::size_t i = 0; i < count; ++i) {
        const Hyperparameter& one = rows[i];
        list.append(py::dict(py::arg("name") = one.name, py::arg("meaning") = one.meaning, py::arg("default") = one.initial,
                             py::arg("least") = one.least, py::arg("below") = one.below,
                             py::arg("takes") = kinds[static_cast<int>(one.takes)], py::arg("on_weights_only") = one.on_weights_only));
    }
    return list;
}

py::list optimizer_rows() {
    py::list rows;
    for (const OptimizerRow& row : optimizers())
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula, py::arg("adaptive") = row.adaptive,
                             py::arg("hyperparameters") = hyperparameter_rows(row.hyperparameters, static_cast<std::size_t>(row.count))));
    return rows;
}

py::list descent_rows() {
    py::list rows;
    for (const DescentMethodRow& row : descent_methods())
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula,
                             py::arg("line_search") = line_searches[static_cast<int>(row.line_search)],
                             py::arg("hyperparameters") = hyperparameter_rows(row.hyperparameters, static_cast<std::size_t>(row.count))));
    return rows;
}

py::list schedule_rows() {
    py::list rows;
    for (const ScheduleRow& row : schedules())
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula,
                             py::arg("hyperparameters") = hyperparameter_rows(row.hyperparameters.data(), row.hyperparameters.size())));
    return rows;
}

py::list initializer_rows() {
    py::list rows;
    for (const InitializerRow& row : initializers()) rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula));
    return rows;
}

py::list dropout_schedule_rows() {
    py::list rows;
    for (const DropoutSchedule& row : dropout_schedules)
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula));
    return rows;
}

}  // namespace

void bind_catalog(py::module_& module) {
    module.def(
        "catalog",
        [] {
            return py::dict(py::arg("activations") = activation_rows(), py::arg("normalizations") = normalization_rows(),
                            py::arg("maxout") = maxout_row(), py::arg("losses") = loss_rows(), py::arg("optimizers") = optimizer_rows(),
                            py::arg("descent_methods") = descent_rows(),
                            py::arg("line_searches") = std::vector<std::string>(std::begin(line_searches), std::end(line_searches)),
                            py::arg("schedules") = schedule_rows(),
                            py::arg("update_options") = hyperparameter_rows(UpdateOptions::rows, UpdateOptions::count),
                            py::arg("initializers") = initializer_rows(),
                            py::arg("precisions") = std::vector<std::string>(std::begin(precisions), std::end(precisions)),
                            py::arg("dropout_schedules") = dropout_schedule_rows(),
                            py::arg("dropout_epochs") = hyperparameter_rows(&dropout_epochs_row, 1)[0],
                            py::arg("mixup") = hyperparameter_rows(&mixup_row, 1)[0],
                            py::arg("ema_decay") = hyperparameter_rows(&ema_decay_row, 1)[0]);
        },
        "What exists, by kind: names, formulas, defaults.");
    module.def(
        "activation", [](const std::string& text) { return text_of(chosen_activation(text)); }, py::arg("text"),
        "An activation written in full, every constant with it; ValueError where it is none.");
    module.def(
        "normalization", [](const std::string& text) { return text_of(chosen_normalization(text)); }, py::arg("text"),
        "The same of a normalization.");
}

}  // namespace fastmlp
