// What a training keeps from step to step beside the parameters, as Python stores it and gives it back: the optimizer's state arrays
// and count of steps, and the average of the parameters.
#pragma once

#include <pybind11/pybind11.h>

#include "network/plan.h"

namespace fastmlp {

template <class T>
pybind11::dict state_of(const StepPlan<T>& plan, const Parameters<T>& parameters);

// The average alone: a (W, b) a layer, or None where none is kept.
template <class T>
pybind11::object average_of(const StepPlan<T>& plan, const Parameters<T>& parameters);

// All is checked before the first number is written. Throws ValueError naming what does not fit.
template <class T>
void set_state(StepPlan<T>& plan, const Parameters<T>& parameters, int64_t steps, const pybind11::sequence& states,
               const pybind11::object& average);

}  // namespace fastmlp
