// Numbers by name: the checks that optimizers, schedules and the other options of an update have in common.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "math/hyperparameters.h"

namespace fastmlp {

using Named = std::vector<std::pair<std::string, double>>;

// Throws std::invalid_argument naming the value and what is allowed; `name` as the caller wrote it.
void require_range(const Hyperparameter& row, const std::string& name, double value);

// Which of `count` rows has that name; -1: none.
int position_of(const std::string& name, const Hyperparameter* rows, int count);

// The names of `count` rows with commas between.
std::string names_of(const Hyperparameter* rows, int count);

// Defaults to `values`, then those that are named. `of_what` opens the error about a name that is none of the rows'.
void read_values(const std::string& of_what, const Hyperparameter* rows, int count, const Named& named, double* values);

}  // namespace fastmlp
