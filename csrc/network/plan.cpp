#include "network/plan.h"

#include <algorithm>

namespace fastmlp {
namespace {

constexpr int64_t largest_chunk = 1024;  // rows; bounds the memory of a step for any batch

// Seconds that a step takes at worst: a thread makes at least this much of a lane's peak on the CPUs that have such lanes.
constexpr double least_flops_a_lane = 6e9;
constexpr double long_step_seconds = 0.03;           // from here on a step can be left in the middle
constexpr double longest_fused_step_seconds = 0.12;  // a third of it is the update, which cannot

}  // namespace

template <class T>
double step_flops(const Parameters<T>& parameters, int64_t batch) {
    double weights = 0;
    for (int64_t l = 0; l < parameters.layers(); ++l)
        weights += (l == 0 ? 4.0 : 6.0) * static_cast<double>(parameters[l].in) * static_cast<double>(parameters[l].out);
    return weights * static_cast<double>(batch);
}

template <class T>
StepPlan<T>::StepPlan(const Parameters<T>& parameters, int64_t batch_, const Optimizer& optimizer_, int lanes, int threads)
    : batch(batch_), chunk(std::min(batch_, largest_chunk)), optimizer(optimizer_), pace(threads) {
    const double seconds = step_flops(parameters, batch) / (least_flops_a_lane * lanes * threads);
    long_step = seconds > long_step_seconds;
    fused = chunk == batch && seconds < longest_fused_step_seconds;
    scratch.resize(static_cast<std::size_t>(threads));
    peaks.resize(static_cast<std::size_t>(threads));
    for (Peaks<T>& member : peaks) {
        member.y.resize(static_cast<std::size_t>(parameters.layers()));
        member.delta.resize(static_cast<std::size_t>(parameters.layers()));
    }
    memory_ = place([&](Arena& in) { take(in, parameters); });
    peaks[0].parameters = parameters.largest_magnitude();
}

template <class T>
void StepPlan<T>::take(Arena& in, const Parameters<T>& parameters) {
    const auto layers = static_cast<std::size_t>(parameters.layers());
    for (auto* buffers : {&delta, &delta_t, &gradient, &bias_gradient}) buffers->assign(layers, nullptr);
    delta_t_row = padded<T>(chunk);
    activity.take(in, parameters, chunk);
    for (std::size_t l = 0; l < layers; ++l) {
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        const int64_t size = checked_product(layer.in, layer.weight_row);
        delta[l] = in.take<T>(checked_product(chunk, activity.row[l + 1]));
        // The lowest layer passes nothing down; the last one's loss works on the transpose.
        if (l > 0 || l + 1 == layers) delta_t[l] = in.take<T>(checked_product(layer.out, delta_t_row));
        if (!fused) gradient[l] = in.take<T>(size);
        bias_gradient[l] = in.take<T>(layer.weight_row);
    }
    optimizer.take(in, parameters);
    losses = in.take<T>(chunk + largest_lanes);
    for (MemberScratch<T>& member : scratch) member.take(in, parameters);
}

template double step_flops(const Parameters<float>&, int64_t);
template double step_flops(const Parameters<double>&, int64_t);
template struct StepPlan<float>;
template struct StepPlan<double>;

}  // namespace fastmlp
