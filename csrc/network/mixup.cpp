#include "network/mixup.h"

#include <algorithm>
#include <cmath>

#include "math/elementary.h"
#include "network/chunk.h"
#include "random/draws.h"

namespace fastmlp {
namespace {

constexpr double kind_of_share = 0.75;  // above, shares come from one formula; below, from pairs that may be refused

// Beta(alpha, alpha) of two uniform numbers, G. Ulrich, Applied Statistics 33 (1984); alpha > 1/2.
double share_of_angle(double alpha, double u, double v) {
    const double radius = std::sqrt(1 - power(u, 2 / (2 * alpha - 1)));
    return (1 + radius * cos_pi(2 * v)) / 2;
}

// M. D. Joehnk, Metrika 8 (1964), in logarithms, since u^(1 / alpha) is soon no number: x / (x + y), where x + y <= 1. Else below 0.
double share_of_pair(double alpha, double u, double v) {
    const double x = log2_of(u), y = log2_of(v);
    if (exp2_of(x / alpha) + exp2_of(y / alpha) > 1) return -1;
    const double smaller = exp2_of((x < y ? x - y : y - x) / alpha), rest = smaller / (1 + smaller);
    return x < y ? rest : 1 / (1 + smaller);
}

double draw_share(double alpha, uint64_t seed, uint32_t step, uint64_t place) {
    Stream stream{seed, Purpose::mixup, 1, step};
    for (;; ++stream.layer) {
        const auto word = philox(stream, static_cast<uint32_t>(place >> 32), static_cast<uint32_t>(place));
        const double u = uniform(joined(word[0], word[1])), v = uniform(joined(word[2], word[3]));
        if (alpha > kind_of_share) return share_of_angle(alpha, u, v);
        const double share = share_of_pair(alpha, u, v);
        if (share >= 0) return share;
    }
}

template <class T>
void add_targets(const Targets<T>& from, int64_t sample, int64_t outputs, T share, T* to) {
    if (from.values) {
        for (int64_t j = 0; j < outputs; ++j) to[j] += share * from.values[sample * from.value_row + j];
    } else if (outputs == 1) {
        to[0] += share * static_cast<T>(from.labels[sample]);
    } else {
        to[from.labels[sample]] += share;
    }
}

}  // namespace

Mixing draw_mixing(double alpha, uint64_t seed, int64_t step, int64_t place, int64_t first, int64_t count) {
    const auto at_step = static_cast<uint32_t>(step);
    const auto at_place = static_cast<uint64_t>(place);
    const Stream stream{seed, Purpose::mixup, 0, at_step};
    return {first + static_cast<int64_t>(uniform_below(stream, at_place, static_cast<uint64_t>(count))),
            draw_share(alpha, seed, at_step, at_place)};
}

template <class T>
void Mixup<T>::take(Arena& in, double alpha, int64_t rows, int64_t features, int64_t outputs, int members) {
    alpha_ = alpha;
    if (alpha == 0) return;
    outputs_ = outputs;
    targets_ = in.take<T>(checked_product(rows, outputs));
    weights_ = in.take<T>(rows);
    partner_.resize(static_cast<std::size_t>(members));
    for (T*& row : partner_) row = in.take<T>(padded<T>(features) + largest_lanes);
}

template <class T>
T Mixup<T>::mix(const Chunk<T>& c, T* x) const {
    const int64_t features = c.parameters[0].in, row = c.plan.activity.row[0], begin = c.first / c.plan.batch * c.plan.batch;
    const int64_t count = std::min(c.plan.batch, c.context.inputs.count - begin);
    T* const partner = partner_[static_cast<std::size_t>(c.member.index)];
    const Targets<T>& targets = c.context.targets;
    const Range mine = c.my_samples();
    T largest = 0;
    for (int64_t i = mine.begin; i < mine.end; ++i) {
        const Mixing drawn = draw_mixing(alpha_, seed, c.plan.optimizer.steps, c.first + i, begin, count);
        const T share = static_cast<T>(drawn.share), rest = 1 - share;
        largest = std::max(largest, gather_sample(c, drawn.partner, partner));
        T* const own = x + i * row;
        for (int64_t j = 0; j < features; ++j) own[j] = share * own[j] + rest * partner[j];
        const int64_t first = c.order ? c.order[c.first + i] : c.first + i, second = c.order ? c.order[drawn.partner] : drawn.partner;
        std::fill_n(targets_ + i * outputs_, outputs_, T(0));
        add_targets(targets, first, outputs_, share, targets_ + i * outputs_);
        add_targets(targets, second, outputs_, rest, targets_ + i * outputs_);
        if (targets.weights) weights_[i] = share * targets.weights[first] + rest * targets.weights[second];
    }
    return largest;
}

template class Mixup<float>;
template class Mixup<double>;

}  // namespace fastmlp
