#include "network/activation.h"

#include <cmath>
#include <stdexcept>
#include <type_traits>

#include "math/maxout.h"
#include "network/constants.h"
#include "network/spec.h"

namespace fastmlp {
namespace {

// Keeps mean 0 and deviation 1 from layer to layer where weights have mean 0 and variance 1 / inputs (G. Klambauer et al.,
// "Self-normalizing neural networks", 2017): a matter of first weights, of which math/ knows nothing.
template <class Row>
constexpr bool self_normalizes = std::is_same_v<Row, Selu>;

template <class... Rows>
std::vector<ActivationRow> make_rows(Catalog<Rows...>) {
    return {{Rows::name, Rows::formula, Rows::rowwise, Rows::rectifies, Rows::trainable, Rows::keeps_slope, Rows::learned,
             self_normalizes<Rows>, Rows::ulp, Rows::constants}...};
}

ChosenActivation chosen_maxout(const std::string& text) {
    double pieces;
    read_constants("activation", Maxout::name, Maxout::constants, text, &pieces);
    if (pieces != std::floor(pieces)) throw std::invalid_argument("activation '" + text + "': pieces must be a whole number");
    return {IdOf<Identity, Activations>::value, {}, static_cast<int64_t>(pieces)};
}

}  // namespace

const std::vector<ActivationRow>& activations() {
    static const std::vector<ActivationRow> rows = make_rows(Activations());
    return rows;
}

ChosenActivation chosen_activation(const std::string& text) {
    std::vector<const char*> names(std::begin(Activations::names), std::end(Activations::names));
    names.push_back(Maxout::name);
    ChosenActivation chosen{id_of(name_in(text), names.data(), static_cast<int>(names.size()), "activation"), {}};
    if (chosen.id == Activations::size) return chosen_maxout(text);
    const ActivationRow& row = row_of(chosen);
    read_constants("activation", row.name, row.constants, text, chosen.constants.data());
    return chosen;
}

std::string text_of(const ChosenActivation& chosen) {
    const double pieces = static_cast<double>(chosen.pieces);
    if (chosen.pieces > 1) return written(Maxout::name, Maxout::constants, &pieces);
    const ActivationRow& row = row_of(chosen);
    return written(row.name, row.constants, chosen.constants.data());
}

}  // namespace fastmlp
