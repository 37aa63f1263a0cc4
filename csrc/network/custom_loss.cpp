// Three acts with a barrier after the first two: outputs through their unit, the call, and dL/dz from dL/dy.
#include "network/custom_loss.h"

#include "network/chunk.h"

namespace fastmlp {
namespace {

template <class T>
struct Pass {
    const Chunk<T>& c;
    CustomLoss<T>& own = *c.context.custom;
    const int64_t l = c.parameters.layers() - 1, outputs = c.parameters[l].out, z_row = c.plan.activity.row[at(l + 1)];
    const int unit = c.parameters[l].activation;
    const T* const z = c.plan.activity.y[at(l + 1)];
    const Range mine = c.my_samples();

    void apply_output_unit() const {
        if (mine.size() <= 0) return;
        T* const y = own.y + mine.begin * own.y_row;
        for (int64_t i = 0; i < mine.size(); ++i)
            std::copy(z + (mine.begin + i) * z_row, z + (mine.begin + i) * z_row + outputs, y + i * own.y_row);
        if (is_rowwise(unit))
            c.kernels.softmax(mine.size(), outputs, y, own.y_row, c.scratch.outputs);
        else
            c.kernels.bias_activation[unit]({mine.size(), outputs, y, own.y_row, own.zeros, c.parameters[l].constants.data(), nullptr, 0});
    }

    bool call() const {
        return own.compute({c.rows, outputs, own.y, own.y_row, c.order ? c.order + c.first : nullptr, c.first, own.losses, own.gradient});
    }

    void delta_of_group(int64_t r, int64_t samples) const {
        const Targets<T> given{nullptr, own.gradient, outputs};
        LossArguments<T> group = loss_group(c.kernels, c.parameters[l], given, nullptr, r, samples);
        place_group(c, l, z + r * z_row, r, group);
        int64_t none = 0;
        group.correct = &none;
        T* const delta = group.delta;
        const T* const weights = c.context.targets.weights;
        if (weights) group.delta = nullptr;
        T largest = c.kernels.given_gradient[unit](group);
        std::copy(own.losses + r, own.losses + r + samples, group.losses);
        if (weights) {
            group.delta = delta;
            group.index = c.order ? c.order + c.first + r : nullptr;
            group.weights = c.order ? weights : weights + c.first + r;
            largest = c.kernels.weigh(group);
        }
        c.peaks.delta[at(l)] = std::max(c.peaks.delta[at(l)], largest);
    }

    bool is_right(int64_t r) const {
        const int64_t sample = c.order ? c.order[c.first + r] : c.first + r;
        const Targets<T>& targets = c.context.targets;
        const T* const row = z + r * z_row;
        const T* const t = targets.values ? targets.values + sample * targets.value_row : nullptr;
        if (outputs == 1) return (row[0] > 0) == (t ? t[0] > T(0.5) : targets.labels[sample] == 1);
        const int64_t decided = std::max_element(row, row + outputs) - row;
        return decided == (t ? std::max_element(t, t + outputs) - t : targets.labels[sample]);
    }

    void delta() const {
        for (int64_t r = mine.begin; r < mine.end; r += c.kernels.lanes)
            delta_of_group(r, std::min<int64_t>(c.kernels.lanes, mine.end - r));
        for (int64_t r = mine.begin; r < mine.end; ++r) c.peaks.correct += is_right(r);
    }
};

}  // namespace

template <class T>
CustomLoss<T>::CustomLoss(const Parameters<T>& parameters, int64_t rows, Compute compute_) : compute(std::move(compute_)) {
    const int64_t outputs = parameters[parameters.layers() - 1].out;
    y_row = padded<T>(outputs);
    memory_ = place([&](Arena& in) {
        y = in.take<T>(checked_product(rows, y_row));
        gradient = in.take<T>(checked_product(rows, outputs));
        losses = in.take<T>(rows);
        zeros = in.take<T>(y_row);
    });
}

template <class T>
bool custom_loss(const Chunk<T>& chunk) {
    const Pass<T> pass{chunk};
    pass.apply_output_unit();
    chunk.member.wait();
    if (chunk.member.leads()) pass.own.failed = !pass.call();
    chunk.member.wait();
    if (pass.own.failed) return false;
    pass.delta();
    chunk.member.wait();
    return true;
}

template struct CustomLoss<float>;
template struct CustomLoss<double>;
template bool custom_loss(const Chunk<float>&);
template bool custom_loss(const Chunk<double>&);

}  // namespace fastmlp
