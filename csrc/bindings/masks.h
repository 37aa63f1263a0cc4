// Masks of layers between NumPy and the engine (network/mask.h).
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/layer_arrays.h"
#include "network/plan.h"

namespace fastmlp {

// Throws ValueError naming the place where a mask holds something else than 0 and 1, or W is not zero where its mask is.
template <class T>
void require_masked(const Parameters<T>& parameters, const std::vector<LayerArrays<T>>& checked, const std::string& name);

// Replaces masks by those given, None keeping one, and sets to zero what they leave out: W, optimizer states, averages. Throws ValueError
// before anything is changed.
template <class T>
void set_masks(StepPlan<T>& plan, const Parameters<T>& parameters, const pybind11::sequence& masks);

}  // namespace fastmlp
