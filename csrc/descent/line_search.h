// A step along a line: phi(a) = f(x + a p), of which phi(0) and the slope phi'(0) < 0 are known. J. Nocedal and S. Wright, Numerical
// Optimization, 2nd edition, 2006, algorithms 3.5 (the step grows until the interval holds one that fits) and 3.6 (the interval shrinks),
// with cubic interpolation (equation 3.59) kept inside the interval.
#pragma once

#include <functional>

namespace fastmlp {

struct LinePoint {
    double step, value, slope;
};

// phi and phi' at `step`; a value that is not finite counts as infinitely high. False: the caller wants no more.
using Line = std::function<bool(double step, LinePoint& at)>;

struct LineRules {
    double decrease;    // phi(a) <= phi(0) + decrease a phi'(0)
    double curvature;   // |phi'(a)| <= curvature |phi'(0)|
    double resolution;  // an interval narrower than this share of its larger end is not searched further
    int most;           // evaluations
};

struct LineResult {
    LinePoint at;  // the step found, or 0
    bool found;    // it decreases phi enough; the condition on the slope may fail where `most` or `resolution` ended the search
    bool left;     // the caller wanted no more
    int evaluations;
};

LineResult search_line(const Line& line, const LinePoint& start, const LineRules& rules, double first_step);

}  // namespace fastmlp
