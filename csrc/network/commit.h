// Commit or refuse: proof, before the first parameter changes, that an update leaves every number finite.
#pragma once

#include <algorithm>
#include <limits>

#include "network/chunk.h"

namespace fastmlp {

template <class T>
struct Worst {
    const std::vector<Peaks<T>>& members;
    template <class Read>
    double operator()(const Read& read) const {
        double worst = 0;
        for (const Peaks<T>& member : members) worst = std::max(worst, static_cast<double>(read(member)));
        return worst;
    }
};

// Of one sample, by W and b of layer l as they are used there, and by what projects earlier outputs into it.
template <class T>
double largest_gradient(const Worst<T>& worst, int64_t l, const Layer<T>& layer) {
    double y = std::max(1.0, worst([l](const Peaks<T>& p) { return p.y[at(l)]; }));
    for (const SkipInto<T>& skip : layer.structure.skips) y = std::max(y, worst([&skip](const Peaks<T>& p) { return p.y[at(skip.from)]; }));
    return y * worst([l](const Peaks<T>& p) { return p.delta[at(l)]; });
}

// Of tied layers the gradients are summed.
template <class T>
double summed_over_uses(const Parameters<T>& parameters, const Worst<T>& worst, int64_t l) {
    double sum = 0;
    for (int64_t k = 0; k < parameters.layers(); ++k)
        if (parameters[k].weight_owner == parameters[l].weight_owner) sum += largest_gradient(worst, k, parameters[k]);
    return sum;
}

template <class T>
double largest_extra(const Worst<T>& worst, int64_t l) {
    return worst([l](const Peaks<T>& p) { return p.extra[at(l)]; });
}

// Bounds every number that the update can produce by the largest magnitudes seen. True proves that all stay finite; false means
// that some value is infinite or NaN already, or that the weights are about to overflow.
template <class T>
bool stays_finite(const StepContext<T>& context, int64_t batch) {
    const Worst<T> worst{context.plan.peaks};
    const double limit = static_cast<double>(std::numeric_limits<T>::max()) / 16;
    const auto bounded = [&](double parameters) {
        for (int64_t l = 0; l < context.parameters.layers(); ++l) {
            double mean = largest_gradient(worst, l, context.parameters[l]);
            if (!context.parameters.plain) mean = std::max(summed_over_uses(context.parameters, worst, l), largest_extra(worst, l));
            const double sum = static_cast<double>(batch) * mean;
            const double gradient = context.plan.clipping.bound(context.plan.optimizer.rule, mean, sum);
            if (!(sum < limit && context.plan.optimizer.bound(gradient, parameters) < limit)) return false;
        }
        return true;
    };
    if (bounded(worst([](const Peaks<T>& p) { return p.parameters; }))) return true;
    if (!context.plan.updates_some) return false;
    // Where updates leave weights out, the largest magnitude can only grow: here the decision must be that of all weights.
    T& parameters = context.plan.peaks[0].parameters;
    parameters = context.parameters.largest_magnitude();
    return bounded(parameters);
}

}  // namespace fastmlp
