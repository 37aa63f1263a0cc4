// fastmlp._core.catalog: names, formulas and defaults, read from the structs that compute them.
#include "math/catalog.h"

#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "bindings/module.h"
#include "math/bf16.h"
#include "network/loss.h"
#include "network/optimizer.h"
#include "network/parameters.h"
#include "network/spec.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

py::list activations() {
    py::list rows;
    for (int id = 0; id < Activations::size; ++id)
        rows.append(py::dict(py::arg("name") = Activations::names[id], py::arg("formula") = Activations::formulas[id],
                             py::arg("rowwise") = is_rowwise(id)));
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

py::list optimizer_rows() {
    py::list rows;
    for (const OptimizerRow& row : optimizers()) {
        py::list hyperparameters;
        for (int i = 0; i < row.count; ++i) {
            const Hyperparameter& one = row.hyperparameters[i];
            hyperparameters.append(py::dict(py::arg("name") = one.name, py::arg("meaning") = one.meaning, py::arg("default") = one.initial,
                                            py::arg("least") = one.least, py::arg("below") = one.below,
                                            py::arg("on_weights_only") = one.on_weights_only));
        }
        rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula, py::arg("adaptive") = row.adaptive,
                             py::arg("hyperparameters") = hyperparameters));
    }
    return rows;
}

py::list initializer_rows() {
    py::list rows;
    for (const InitializerRow& row : initializers()) rows.append(py::dict(py::arg("name") = row.name, py::arg("formula") = row.formula));
    return rows;
}

}  // namespace

void bind_catalog(py::module_& module) {
    module.def(
        "catalog",
        [] {
            return py::dict(py::arg("activations") = activations(), py::arg("losses") = loss_rows(),
                            py::arg("optimizers") = optimizer_rows(), py::arg("initializers") = initializer_rows(),
                            py::arg("precisions") = std::vector<std::string>(std::begin(precisions), std::end(precisions)));
        },
        "What exists, by kind: names, formulas, defaults.");
}

}  // namespace fastmlp
