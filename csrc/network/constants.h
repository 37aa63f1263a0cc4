// A choice with constants as people write it: a name, or name(constant=number, ...). Activations and normalisations are written so.
#pragma once

#include <string>

#include "math/activations.h"

namespace fastmlp {

// What stands before the constants.
std::string name_in(const std::string& text);

// The values that `text` gives to the constants of `name`, which is a `kind`; the others have their defaults. Throws
// std::invalid_argument naming what is wrong, and the choices.
void read_constants(const std::string& kind, const std::string& name, const ActivationConstants& of, const std::string& text,
                    double* values);

// In full: every constant with the shortest number that means the same.
std::string written(const std::string& name, const ActivationConstants& of, const double* values);

}  // namespace fastmlp
