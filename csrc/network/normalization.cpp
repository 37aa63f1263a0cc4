#include "network/normalization.h"

#include "network/constants.h"
#include "network/spec.h"

namespace fastmlp {

ChosenNormalization chosen_normalization(const std::string& text) {
    const char* names[Normalizations::count];
    for (int i = 0; i < Normalizations::count; ++i) names[i] = Normalizations::rows[i].name;
    ChosenNormalization chosen;
    chosen.id = id_of(name_in(text), names, Normalizations::count, "normalization");
    const NormalizationRow& row = row_of(chosen);
    read_constants("normalization", row.name, row.constants, text, chosen.constants.data());
    return chosen;
}

std::string text_of(const ChosenNormalization& chosen) {
    const NormalizationRow& row = row_of(chosen);
    return written(row.name, row.constants, chosen.constants.data());
}

double constant_of(const ChosenNormalization& chosen, const std::string& name) {
    const ActivationConstants& constants = row_of(chosen).constants;
    for (int i = 0; i < constants.count; ++i)
        if (name == constants.of[i].name) return chosen.constants[static_cast<std::size_t>(i)];
    return 0;
}

}  // namespace fastmlp
