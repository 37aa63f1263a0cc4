// What a trainer is told in Python's words, as the engine says it; wrong values are refused with their names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include "network/augment.h"
#include "network/dropout.h"
#include "network/hyperparameters.h"
#include "network/optimizer.h"
#include "network/spec.h"

namespace fastmlp {

// The numbers of the schedule, and those of the optimizer, which are all others.
struct Numbers {
    Named schedule, optimizer;
};
Numbers numbers_of(const pybind11::kwargs& given);

// {height, width, shift, ...}; throws std::invalid_argument unless they are changes of pictures of so many features.
AugmentOptions augmentation_of(const pybind11::dict& given, int64_t features);

// Throws std::invalid_argument where tied layers have different multiples of the learning rate.
void require_tied_rates(const Spec& spec, const std::vector<double>& layer_rates);

// Throws std::invalid_argument unless there is a rate for the inputs and for each hidden layer, or none. `total` counts epochs.
DropoutChoices dropout_of(const Spec& spec, const std::vector<double>& rates, const std::string& schedule, double epochs);

// What a training does that is called `optimizer`: an optimizer's update after each batch, or a descent on all samples.
UpdateRule update_rule(const std::string& optimizer, const Named& numbers, const std::string& line_search, bool double_precision);

// Throws std::invalid_argument where something is chosen that only mini-batches have; `chosen`: what it is called, and whether it is.
void require_full_batch(const UpdateRule& rule, const std::string& optimizer, const Spec& spec,
                        std::vector<std::pair<std::string, bool>> chosen);

}  // namespace fastmlp
