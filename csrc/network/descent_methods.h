// The full-batch methods of math/descent_methods.h by name, with their numbers.
#pragma once

#include <string>
#include <vector>

#include "descent/descent.h"
#include "network/hyperparameters.h"

namespace fastmlp {

struct DescentMethodRow {
    const char* name;
    const char* formula;
    const Hyperparameter* hyperparameters;
    int count;
    LineSearchKind line_search;  // where none is chosen
    double curvature;
    bool quasi_newton;
};
const std::vector<DescentMethodRow>& descent_methods();

bool is_descent_method(const std::string& name);

// Names and values of some numbers, the others have their defaults; `line_search` empty: the method's own. `digits`: of the type that the
// numbers are stored in, as a share of 1. Throws std::invalid_argument naming the choices, or the value and its range.
DescentRules make_descent(const std::string& name, const Named& hyperparameters, const std::string& line_search, double digits);

// Why a descent has ended, in words; empty where it has not.
std::string reason_of(DescentEnd end, const DescentRules& rules);

}  // namespace fastmlp
