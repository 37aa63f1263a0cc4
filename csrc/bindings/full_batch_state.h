// What a descent keeps from step to step, as Python stores it and gives it back: each vector as tensors of the layers.
#pragma once

#include <pybind11/pybind11.h>

#include "network/plan.h"

namespace fastmlp {

template <class T>
pybind11::list states_of(const Descent<T>& descent, const Parameters<T>& parameters);

// All is checked before the first number is kept. Throws ValueError naming what does not fit.
template <class T>
void set_states(Descent<T>& descent, const Parameters<T>& parameters, const pybind11::sequence& states);

}  // namespace fastmlp
