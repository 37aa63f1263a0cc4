// A normalisation as a layer has it, with its constants (math/normalizations.h).
#pragma once

#include <array>
#include <string>

#include "math/normalizations.h"

namespace fastmlp {

struct ChosenNormalization {
    int id = Normalizations::none;
    std::array<double, largest_constants> constants{};
};

inline const NormalizationRow& row_of(const ChosenNormalization& chosen) { return Normalizations::rows[chosen.id]; }

// Reads "name" or "name(constant=number, ...)". Throws std::invalid_argument naming what is wrong, and the choices.
ChosenNormalization chosen_normalization(const std::string& text);
std::string text_of(const ChosenNormalization& chosen);

// 0 where it has no such constant.
double constant_of(const ChosenNormalization& chosen, const std::string& name);

}  // namespace fastmlp
