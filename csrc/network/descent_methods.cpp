#include "network/descent_methods.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <type_traits>

#include "network/spec.h"

namespace fastmlp {
namespace {

constexpr int largest_count = 8;
constexpr double decrease = 1e-4;         // of the Wolfe conditions; Nocedal and Wright (2006), section 3.1
constexpr double flat_enough = 1e-6;      // an exact search ends where the slope is this share of the first
constexpr double finest_interval = 1e-9;  // of a Wolfe search

template <class Row>
DescentMethodRow make_row() {
    static_assert(Row::count <= largest_count);
    return {Row::name, Row::formula, Row::hyperparameters, Row::count, Row::line_search, Row::curvature, std::is_same_v<Row, Lbfgs>};
}

template <class... Rows>
std::vector<DescentMethodRow> make_rows(Catalog<Rows...>) {
    return {make_row<Rows>()...};
}

// Near its minimum phi is as flat as a parabola: points nearer to it than the root of the digits have the same value.
LineRules line_rules(LineSearchKind kind, double curvature, double digits, int most) {
    if (kind == LineSearchKind::exact) return {decrease, flat_enough, std::sqrt(digits), most};
    return {decrease, curvature, finest_interval, most};
}

}  // namespace

const std::vector<DescentMethodRow>& descent_methods() {
    static const std::vector<DescentMethodRow> rows = make_rows(DescentMethods());
    return rows;
}

bool is_descent_method(const std::string& name) {
    for (const char* const one : DescentMethods::names)
        if (name == one) return true;
    return false;
}

DescentRules make_descent(const std::string& name, const Named& hyperparameters, const std::string& line_search, double digits) {
    const int id = id_of(name, DescentMethods::names, DescentMethods::size, "method");
    const DescentMethodRow& row = descent_methods()[static_cast<std::size_t>(id)];
    std::array<double, largest_count> of{};
    read_values("optimizer '" + name + "'", row.hyperparameters, row.count, hyperparameters, of.data());
    const LineSearchKind kind = line_search.empty()
                                    ? row.line_search
                                    : static_cast<LineSearchKind>(id_of(line_search, line_searches, line_search_count, "line_search"));
    const int history = row.quasi_newton ? static_cast<int>(of[Lbfgs::history]) : 1;
    const int most = static_cast<int>(of[DescentNumbers::max_evaluations]);
    return {row.quasi_newton, history, of[DescentNumbers::gradient_tolerance], of[DescentNumbers::l2],
            line_rules(kind, row.curvature, digits, most)};
}

std::string reason_of(DescentEnd end, const DescentRules& rules) {
    char text[160] = "";
    if (end == DescentEnd::gradient)
        std::snprintf(text, sizeof(text), "no element of the gradient is larger than gradient_tolerance = %g", rules.gradient_tolerance);
    if (end == DescentEnd::line_search)
        std::snprintf(text, sizeof(text), "the line search found no lower loss within max_evaluations = %d or the precision of the numbers",
                      rules.line.most);
    return text;
}

}  // namespace fastmlp
