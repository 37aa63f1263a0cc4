#include "descent/descent.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "descent/vectors.h"

namespace fastmlp {
namespace {

// A pair whose curvature s y / y y is not above this is left out: it would make directions of any length (as L-BFGS-B has it).
constexpr double least_curvature = 2.2e-16;

template <class T>
std::vector<T> rounded(const std::vector<double>& from) {
    std::vector<T> to(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<T>(from[i]);
    return to;
}

}  // namespace

template <class T>
bool Descent<T>::start(Objective& objective, std::vector<double> x) {
    gradient_.assign(x.size(), 0);
    trial_ = trial_gradient_ = direction_ = gradient_;
    const bool goes_on = objective.evaluate(x, value_, gradient_);
    x_ = goes_on ? std::move(x) : std::vector<double>();
    return goes_on;
}

template <class T>
DescentEnd Descent<T>::ended() const {
    const double largest = largest_magnitude(gradient_);
    if (!std::isfinite(value_) || !std::isfinite(largest)) return DescentEnd::not_finite;
    return largest <= rules.gradient_tolerance ? DescentEnd::gradient : DescentEnd::none;
}

// The direction from here: steepest, or by the two-loop recursion.
template <class T>
void Descent<T>::point_downhill() {
    const double length = std::sqrt(dot(gradient_, gradient_));
    direction_ = gradient_;
    for (double& one : direction_) one = -one;
    if (!rules.quasi_newton)
        for (double& one : direction_) one /= length;
    if (!rules.quasi_newton || steps_.empty()) return;
    std::vector<double> shares(steps_.size()), inverse(steps_.size());
    for (std::size_t i = steps_.size(); i-- > 0;) {
        inverse[i] = 1 / dot(steps_[i], changes_[i]);
        shares[i] = inverse[i] * dot(steps_[i], direction_);
        add(direction_, -shares[i], changes_[i]);
    }
    const double scale = dot(steps_.back(), changes_.back()) / dot(changes_.back(), changes_.back());
    for (double& one : direction_) one *= scale;
    for (std::size_t i = 0; i < steps_.size(); ++i) add(direction_, shares[i] - inverse[i] * dot(changes_[i], direction_), steps_[i]);
}

// The trial with which a line search begins: a step of length 1 at first, then Newton's, or one as long as the last.
template <class T>
double Descent<T>::first_step() const {
    if (!rules.quasi_newton) return steps_.empty() ? 1 : std::sqrt(dot(steps_.back(), steps_.back()));
    return steps_.empty() ? std::min(1.0, 1 / std::sqrt(dot(gradient_, gradient_))) : 1;
}

template <class T>
bool Descent<T>::look(Objective& objective, double step, LinePoint& at) {
    for (std::size_t i = 0; i < x_.size(); ++i) trial_[i] = static_cast<double>(static_cast<T>(x_[i] + step * direction_[i]));
    trial_step_ = step;
    const bool goes_on = objective.evaluate(trial_, trial_value_, trial_gradient_);
    at = {step, trial_value_, dot(trial_gradient_, direction_)};
    return goes_on;
}

// A step along the direction; where one is found, it is the last that was looked at.
template <class T>
LineResult Descent<T>::search(Objective& objective) {
    const LinePoint here{0, value_, dot(gradient_, direction_)};
    if (!(here.slope < 0)) return {here, false, false, 0};
    const Line line = [&](double step, LinePoint& at) { return look(objective, step, at); };
    LineResult result = search_line(line, here, rules.line, first_step());
    result.found = result.found && result.at.value < value_;  // a fall that rounding swallows leads nowhere
    if (!result.found || result.at.step == trial_step_) return result;
    ++result.evaluations;
    result.left = !look(objective, result.at.step, result.at);
    return result;
}

// The trial becomes x.
template <class T>
void Descent<T>::accept() {
    for (std::size_t i = 0; i < x_.size(); ++i) {
        x_[i] = trial_[i] - x_[i];
        gradient_[i] = trial_gradient_[i] - gradient_[i];
    }
    Vector step = rounded<T>(x_), change = rounded<T>(gradient_);
    if (!rules.quasi_newton) {
        steps_.assign(1, std::move(step));
    } else if (dot(step, change) > least_curvature * dot(change, change)) {
        steps_.push_back(std::move(step));
        changes_.push_back(std::move(change));
        if (steps_.size() > static_cast<std::size_t>(rules.history)) {
            steps_.pop_front();
            changes_.pop_front();
        }
    }
    x_.swap(trial_);
    gradient_.swap(trial_gradient_);
    value_ = trial_value_;
}

// What is remembered of the curvature may mislead: then there is one more try, straight down.
template <class T>
bool Descent<T>::forget() {
    if (!rules.quasi_newton || steps_.empty()) return false;
    steps_.clear();
    changes_.clear();
    return true;
}

template <class T>
Iteration Descent<T>::iterate(Objective& objective) {
    Iteration done{false, 0, 0, ended()};
    while (done.end == DescentEnd::none) {
        point_downhill();
        const LineResult result = search(objective);
        done.evaluations += result.evaluations;
        if (result.left) {
            done.end = DescentEnd::left;
        } else if (result.found) {
            accept();
            return {true, result.at.step, done.evaluations, ended()};
        } else if (!forget()) {
            done.end = DescentEnd::line_search;
        }
    }
    return done;
}

template <class T>
std::vector<const std::vector<T>*> Descent<T>::kept() const {
    std::vector<const Vector*> vectors;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        vectors.push_back(&steps_[i]);
        if (rules.quasi_newton) vectors.push_back(&changes_[i]);
    }
    return vectors;
}

template <class T>
void Descent<T>::set_kept(std::vector<Vector> vectors) {
    x_.clear();
    steps_.clear();
    changes_.clear();
    for (std::size_t i = 0; i < vectors.size(); ++i)
        (rules.quasi_newton && i % 2 == 1 ? changes_ : steps_).push_back(std::move(vectors[i]));
}

template class Descent<float>;
template class Descent<double>;

}  // namespace fastmlp
