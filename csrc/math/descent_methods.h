// What a full-batch method is: a direction p at the weights w with gradient g, and a step a along it that a line search finds. Adding one:
// a struct here and its name in the list below; how its direction is made stands in descent/descent.cpp. Their numbers begin
// alike. l2 is part of what is made small: f = loss + l2 w^2 / 2. l1 is missing: its kink at 0 has no gradient to search along.
#pragma once

#include "math/catalog.h"

namespace fastmlp {

// The ways to choose a step. wolfe: any that fulfils the strong Wolfe conditions; exact: the least value along the line.
enum class LineSearchKind { wolfe, exact };
constexpr const char* line_searches[] = {"wolfe", "exact"};
constexpr int line_search_count = 2;

struct DescentNumbers {
    enum { l2, gradient_tolerance, max_evaluations, common };
    static constexpr Hyperparameter tolerance_row = {
        "gradient_tolerance", "training ends once no element of the gradient is larger", 1e-5, 0, unlimited, false};
    static constexpr Hyperparameter evaluations_row = {
        "max_evaluations", "losses with their gradients that one line search may ask for", 25, 1, 10000, false, Takes::whole};
};
constexpr int largest_history = 100;

// Cauchy (1847), with a direction of length 1: the step is a length.
struct SteepestDescent : DescentNumbers {
    static constexpr const char* name = "steepest_descent";
    static constexpr const char* formula = "p = -g / |g|; w = w + a * p";
    static constexpr LineSearchKind line_search = LineSearchKind::exact;
    static constexpr double curvature = 0.1;  // of the Wolfe conditions; Nocedal and Wright (2006), section 3.1
    enum { count = common };
    static constexpr Hyperparameter hyperparameters[] = {l2_row, tolerance_row, evaluations_row};
};

// Liu and Nocedal (1989).
struct Lbfgs : DescentNumbers {
    static constexpr const char* name = "lbfgs";
    static constexpr const char* formula =
        "p = -H * g, H the inverse Hessian by the last pairs s = w - w_before, y = g - g_before; w = w + a * p";
    static constexpr LineSearchKind line_search = LineSearchKind::wolfe;
    static constexpr double curvature = 0.9;
    enum { history = common, count };
    static constexpr Hyperparameter hyperparameters[] = {
        l2_row,
        tolerance_row,
        evaluations_row,
        {"history", "last steps from which the curvature is known", 10, 1, largest_history + 1, false, Takes::whole}};
};

using DescentMethods = Catalog<SteepestDescent, Lbfgs>;

}  // namespace fastmlp
