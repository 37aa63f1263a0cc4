#include "descent/line_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fastmlp {
namespace {

constexpr double least_growth = 1.1, largest_growth = 4;  // of the step, from one trial to the next
constexpr double margin = 0.1;                            // share of the interval at each end that no trial falls into
constexpr double slow = 2.0 / 3;                          // an interval that has kept more than this is halved next

// Where the cubic with the values and slopes at a and b has its minimum; NaN where it has none.
double cubic_minimum(const LinePoint& a, const LinePoint& b) {
    const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
    const double d2 = std::copysign(std::sqrt(d1 * d1 - a.slope * b.slope), b.step - a.step);
    return b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
}

class Search {
public:
    Search(const Line& line, const LinePoint& start, const LineRules& rules) : line_(line), start_(start), rules_(rules) {}

    LineResult grow(double step) {
        LinePoint before = start_;
        for (;;) {
            LinePoint at{};
            if (!look(step, at)) return ended(before);
            if (!falls_enough(at) || (at.value >= before.value && before.step > 0)) return shrink(before, at);
            if (is_flat(at)) return found(at);
            if (at.slope >= 0) return shrink(at, before);
            const double least = least_growth * at.step, most = largest_growth * at.step, minimum = cubic_minimum(before, at);
            step = minimum > 0 ? std::clamp(minimum, least, most) : most;  // NaN or behind: there is none ahead
            before = at;
        }
    }

private:
    // low falls enough and is the lowest point seen; its slope points into the interval.
    LineResult shrink(LinePoint low, LinePoint high) {
        double kept = 0;  // of the interval, by the last trial
        for (;;) {
            const double width = std::abs(high.step - low.step);
            if (!(width > rules_.resolution * std::max(low.step, high.step))) return ended(low);
            LinePoint at{};
            if (!look(trial(low, high, kept > slow), at)) return ended(low);
            if (!falls_enough(at) || at.value >= low.value) {
                high = at;
            } else {
                if (is_flat(at)) return found(at);
                if (at.slope * (high.step - low.step) >= 0) high = low;
                low = at;
            }
            kept = std::abs(high.step - low.step) / width;
        }
    }
    static double trial(const LinePoint& low, const LinePoint& high, bool halve) {
        const double a = std::min(low.step, high.step), b = std::max(low.step, high.step), inside = margin * (b - a);
        const double minimum = halve ? std::numeric_limits<double>::quiet_NaN() : cubic_minimum(low, high);
        return std::isfinite(minimum) ? std::clamp(minimum, a + inside, b - inside) : a + (b - a) / 2;
    }

    bool look(double step, LinePoint& at) {
        if (evaluations_ == rules_.most) return false;
        ++evaluations_;
        left_ = !line_(step, at);
        at.step = step;
        if (!std::isfinite(at.value) || !std::isfinite(at.slope)) at.value = std::numeric_limits<double>::infinity();
        return !left_;
    }
    bool falls_enough(const LinePoint& at) const { return at.value <= start_.value + rules_.decrease * at.step * start_.slope; }
    bool is_flat(const LinePoint& at) const { return std::abs(at.slope) <= -rules_.curvature * start_.slope; }
    LineResult found(const LinePoint& at) const { return {at, true, false, evaluations_}; }
    LineResult ended(const LinePoint& best) const { return {best, !left_ && best.step > 0, left_, evaluations_}; }

    const Line& line_;
    const LinePoint start_;
    const LineRules rules_;
    int evaluations_ = 0;
    bool left_ = false;
};

}  // namespace

LineResult search_line(const Line& line, const LinePoint& start, const LineRules& rules, double first_step) {
    return Search(line, start, rules).grow(first_step);
}

}  // namespace fastmlp
