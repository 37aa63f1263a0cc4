// The table of contents of fastmlp._core: one file per noun.
#include "bindings/module.h"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used(), pybind11::multiple_interpreters::not_supported()) {
    module.doc() = "The C++ engine of fastmlp.";
    module.attr("__version__") = FASTMLP_VERSION;
    fastmlp::bind_machine(module);
    fastmlp::bind_catalog(module);
    fastmlp::bind_network(module);
    fastmlp::bind_masks(module);
    fastmlp::bind_epoch_result(module);
    fastmlp::bind_task(module);
    fastmlp::bind_trainer(module);
    fastmlp::bind_minimize(module);
    fastmlp::bind_draws(module);
    fastmlp::bind_perceptron(module);
    fastmlp::bind_testing(module);
}
