// The parts that module.cpp puts together.
#pragma once

#include <pybind11/pybind11.h>

namespace fastmlp {

void bind_machine(pybind11::module_& module);  // cpu_info
void bind_catalog(pybind11::module_& module);  // catalog: names, formulas, defaults
void bind_network(pybind11::module_& module);  // Network
void bind_masks(pybind11::module_& module);    // draw_connections
void bind_epoch_result(pybind11::module_& module);
void bind_minimize(pybind11::module_& module);  // minimize
void bind_task(pybind11::module_& module);      // Task
void bind_trainer(pybind11::module_& module);   // Trainer
void bind_draws(pybind11::module_& module);     // permutation, bootstrap
void bind_perceptron(pybind11::module_& module);
void bind_testing(pybind11::module_& module);  // testing: raw kernels, for the tests alone
void bind_testing_pairs(pybind11::module_& testing);

}  // namespace fastmlp
