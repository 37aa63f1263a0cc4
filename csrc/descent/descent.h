// Methods that use the whole gradient: a direction, a line search along it, and what is remembered of the steps. Over any function: the
// loss of a training (network/full_batch.cpp), or a callable of Python's (bindings/minimize.cpp).
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "descent/line_search.h"
#include "math/descent_methods.h"

namespace fastmlp {

// All that is chosen of a descent.
struct DescentRules {
    bool quasi_newton;  // L-BFGS; else the steepest direction, of length 1
    int history;        // pairs
    double gradient_tolerance;
    double l2;  // for whoever knows which numbers are weights
    LineRules line;
};

// Why no step follows; `none`: one may.
enum class DescentEnd { none, gradient, line_search, not_finite, left };

struct Objective {
    // f and its gradient at x. False: the caller wants no more.
    virtual bool evaluate(const std::vector<double>& x, double& value, std::vector<double>& gradient) = 0;
    virtual ~Objective() = default;
};

struct Iteration {
    bool moved;
    double step;  // along the direction
    int evaluations;
    DescentEnd end;
};

// x consists of numbers of type T, and so do the pairs that are kept; all else is double.
template <class T>
class Descent {
public:
    using Vector = std::vector<T>;

    explicit Descent(const DescentRules& rules_) : rules(rules_) {}

    // Where the descent begins, or goes on after `set_pairs`: f and gradient are found. False: the caller wants no more.
    bool start(Objective& objective, std::vector<double> x);
    // One step, the objective's last evaluation being that of the new x; where there is none, x stays.
    Iteration iterate(Objective& objective);
    // Why there would be no step from here, as far as the gradient tells.
    DescentEnd ended() const;

    bool has_started() const { return !x_.empty(); }
    const std::vector<double>& x() const { return x_; }
    double value() const { return value_; }
    const std::vector<double>& gradient() const { return gradient_; }
    const std::vector<double>& direction() const { return direction_; }  // of the last step

    // What the next step depends on beside x: for L-BFGS s and y of each pair, oldest first; else the last step s, once there is one.
    std::vector<const Vector*> kept() const;
    void set_kept(std::vector<Vector> vectors);  // L-BFGS: an even number. x is to be given anew.
    int most_kept() const { return rules.quasi_newton ? 2 * rules.history : 1; }

    const DescentRules rules;

private:
    void point_downhill();
    double first_step() const;
    bool look(Objective& objective, double step, LinePoint& at);
    LineResult search(Objective& objective);
    void accept();
    bool forget();

    std::vector<double> x_, gradient_, direction_;  // at x_
    double value_ = 0;
    std::vector<double> trial_, trial_gradient_;  // of the last evaluation
    double trial_value_ = 0, trial_step_ = -1;
    std::deque<Vector> steps_, changes_;  // s and y
};

}  // namespace fastmlp
