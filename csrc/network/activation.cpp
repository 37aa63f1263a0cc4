#include "network/activation.h"

#include <charconv>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <type_traits>

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

std::string shown(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(' ');
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// The whole of a text as a number, whatever the caller's locale.
bool read_number(const std::string& text, double& value) {
    std::istringstream in(text);
    in.imbue(std::locale::classic());
    return (in >> value) && (in >> std::ws).eof();
}

std::size_t constant_id(const ActivationRow& row, const std::string& name) {
    std::string choices;
    for (std::size_t i = 0; i < static_cast<std::size_t>(row.constants.count); ++i) {
        if (name == row.constants.of[i].name) return i;
        choices += std::string(i ? ", " : "") + row.constants.of[i].name;
    }
    throw std::invalid_argument("activation '" + std::string(row.name) + "' has no constant '" + name + "'; " +
                                (choices.empty() ? "it has none" : "it has: " + choices));
}

// One "constant=number"; returns which constant.
std::size_t choose(const ActivationRow& row, const std::string& assignment, ChosenActivation& chosen) {
    const auto sign = assignment.find('=');
    const std::size_t i = constant_id(row, trimmed(assignment.substr(0, sign)));
    const ActivationConstant& one = row.constants.of[i];
    const std::string number = sign == std::string::npos ? "" : trimmed(assignment.substr(sign + 1));
    double value = 0;
    if (!read_number(number, value) || !(value >= one.least && value < one.below))
        throw std::invalid_argument("activation '" + std::string(row.name) + "': " + one.name + " = '" + number +
                                    "' is not a number between " + shown(one.least) + " (included) and " + shown(one.below) +
                                    " (excluded)");
    chosen.constants[i] = value;
    return i;
}

}  // namespace

const std::vector<ActivationRow>& activations() {
    static const std::vector<ActivationRow> rows = make_rows(Activations());
    return rows;
}

ChosenActivation chosen_activation(const std::string& text) {
    const auto open = text.find('(');
    ChosenActivation chosen{id_of(trimmed(text.substr(0, open)), Activations::names, Activations::size, "activation"), {}};
    const ActivationRow& row = row_of(chosen);
    for (int i = 0; i < row.constants.count; ++i) chosen.constants[static_cast<std::size_t>(i)] = row.constants.of[i].initial;
    if (open == std::string::npos) return chosen;
    const std::string rest = trimmed(text.substr(open));
    if (rest.back() != ')')
        throw std::invalid_argument("activation '" + text + "' must be written as name or as name(constant=number, ...)");
    std::istringstream assignments(rest.substr(1, rest.size() - 2));
    std::array<bool, largest_constants> given{};
    for (std::string one; std::getline(assignments, one, ',');) {
        const std::size_t i = choose(row, one, chosen);
        if (given[i]) throw std::invalid_argument("activation '" + text + "' says " + row.constants.of[i].name + " twice");
        given[i] = true;
    }
    return chosen;
}

std::string text_of(const ChosenActivation& chosen) {
    const ActivationRow& row = row_of(chosen);
    std::string text = row.name;
    for (int i = 0; i < row.constants.count; ++i)
        text += std::string(i ? ", " : "(") + row.constants.of[i].name + "=" + shown(chosen.constants[static_cast<std::size_t>(i)]);
    return row.constants.count ? text + ")" : text;
}

}  // namespace fastmlp
