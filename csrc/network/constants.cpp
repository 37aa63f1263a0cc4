#include "network/constants.h"

#include <array>
#include <charconv>
#include <locale>
#include <sstream>
#include <stdexcept>

namespace fastmlp {
namespace {

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

// What the constants belong to: "activation 'elu'".
struct Owner {
    std::string shown;
    const ActivationConstants& constants;

    std::size_t number_of(const std::string& name) const {
        std::string choices;
        for (std::size_t i = 0; i < static_cast<std::size_t>(constants.count); ++i) {
            if (name == constants.of[i].name) return i;
            choices += std::string(i ? ", " : "") + constants.of[i].name;
        }
        throw std::invalid_argument(shown + " has no constant '" + name + "'; " + (choices.empty() ? "it has none" : "it has: " + choices));
    }
};

// One "constant=number"; returns which constant.
std::size_t choose(const Owner& owner, const std::string& assignment, double* values) {
    const auto sign = assignment.find('=');
    const std::size_t i = owner.number_of(trimmed(assignment.substr(0, sign)));
    const ActivationConstant& one = owner.constants.of[i];
    const std::string number = sign == std::string::npos ? "" : trimmed(assignment.substr(sign + 1));
    double value = 0;
    if (!read_number(number, value) || !(value >= one.least && value < one.below))
        throw std::invalid_argument(owner.shown + ": " + one.name + " = '" + number + "' is not a number between " + shown(one.least) +
                                    " (included) and " + shown(one.below) + " (excluded)");
    values[i] = value;
    return i;
}

}  // namespace

std::string name_in(const std::string& text) { return trimmed(text.substr(0, text.find('('))); }

void read_constants(const std::string& kind, const std::string& name, const ActivationConstants& of, const std::string& text,
                    double* values) {
    const Owner owner{kind + " '" + name + "'", of};
    for (int i = 0; i < of.count; ++i) values[i] = of.of[i].initial;
    const auto open = text.find('(');
    if (open == std::string::npos) return;
    const std::string rest = trimmed(text.substr(open));
    if (rest.back() != ')') throw std::invalid_argument(kind + " '" + text + "' must be written as name or as name(constant=number, ...)");
    std::istringstream assignments(rest.substr(1, rest.size() - 2));
    std::array<bool, largest_constants> given{};
    for (std::string one; std::getline(assignments, one, ',');) {
        const std::size_t i = choose(owner, one, values);
        if (given[i]) throw std::invalid_argument(kind + " '" + text + "' says " + of.of[i].name + " twice");
        given[i] = true;
    }
}

std::string written(const std::string& name, const ActivationConstants& of, const double* values) {
    std::string text = name;
    for (int i = 0; i < of.count; ++i) text += std::string(i ? ", " : "(") + of.of[i].name + "=" + shown(values[i]);
    return of.count ? text + ")" : text;
}

}  // namespace fastmlp
