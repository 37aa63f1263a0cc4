#include "network/average.h"

#include "network/chunk.h"

namespace fastmlp {

template <class T>
void WeightAverage<T>::take(Arena& in, const Parameters<T>& parameters) {
    weights.clear();
    biases.clear();
    extras.clear();
    if (!decay) return;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        const bool owns = parameters.owns(l);
        weights.push_back(owns ? in.take<T>(checked_product(layer.in, layer.weight_row)) : weights[at(layer.owner)]);
        biases.push_back(owns ? in.take<T>(layer.weight_row) : biases[at(layer.owner)]);
        extras.emplace_back();
        for (const Extra<T>& extra : layer.extras) extras.back().push_back(extra.about.trained ? in.take<T>(extra.size()) : nullptr);
    }
}

template <class T>
void average_parameters(const StepContext<T>& context, const Member& member) {
    const WeightAverage<T>& average = context.plan.average;
    const T share = context.plan.optimizer.steps == 1 ? T(1) : static_cast<T>(1 - *average.decay);
    member.wait();  // others have updated what this member averages
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        const Layer<T>& layer = context.parameters[l];
        const Range rows = part_of(layer.in, 2, member.index, member.count);
        const int64_t first = rows.begin * layer.weight_row;
        const bool owns = context.parameters.owns(l);
        if (rows.size() > 0 && owns)
            context.kernels.average(rows.size(), layer.out, share, layer.weight + first, average.weights[at(l)] + first, layer.weight_row);
        if (!member.leads()) continue;
        if (owns) context.kernels.average(1, layer.out, share, layer.bias, average.biases[at(l)], layer.weight_row);
        for (std::size_t e = 0; e < layer.extras.size(); ++e) {
            const Extra<T>& extra = layer.extras[e];
            if (!extra.about.trained) continue;
            context.kernels.average(extra.about.lines(), extra.about.columns, share, extra.values, average.extras[at(l)][e], extra.row);
        }
    }
}

template struct WeightAverage<float>;
template struct WeightAverage<double>;
template void average_parameters(const StepContext<float>&, const Member&);
template void average_parameters(const StepContext<double>&, const Member&);

}  // namespace fastmlp
