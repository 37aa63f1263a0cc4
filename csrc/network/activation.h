// An activation as a layer has it, with its constants, and as people write it: a name, or name(constant=number, ...).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "math/catalog.h"

namespace fastmlp {

// What the structs of math/ say, as data.
struct ActivationRow {
    const char* name;
    const char* formula;
    bool rowwise, rectifies, trainable, keeps_slope, learned, self_normalizes;
    double ulp;
    ActivationConstants constants;
};
const std::vector<ActivationRow>& activations();  // an id is a position

struct ChosenActivation {
    int id;
    std::array<double, largest_constants> constants;  // as many as its row has count
    int64_t pieces = 1;                               // more: the largest of so many; `id` is then the identity
};

// Reads "name" or "name(constant=number, ...)"; constants that are not given have their default. Throws std::invalid_argument naming what
// is wrong, and the choices.
ChosenActivation chosen_activation(const std::string& text);
// As it is written in full: every constant with the shortest number that means the same.
std::string text_of(const ChosenActivation& chosen);

inline const ActivationRow& row_of(const ChosenActivation& chosen) { return activations()[static_cast<std::size_t>(chosen.id)]; }

}  // namespace fastmlp
