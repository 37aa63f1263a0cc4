// Layers whose W is the transpose of another's. Both are kept, and each is updated by itself: from the same sum of both gradients the same
// arithmetic makes the same numbers, states and averages of the optimizer among them, so that nothing else knows of it.
#pragma once

#include "network/step.h"

namespace fastmlp {

// Stored gradients, complete: G[owner] += G[follower]^T, and G[follower] its transpose. All members together.
template <class T>
void join_transposed(const StepContext<T>& context, const Member& member) {
    const auto at = [](int64_t l) { return static_cast<std::size_t>(l); };
    bool any = false;
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        if (!context.parameters.transposes(l)) continue;
        any = true;
        const int64_t below = context.parameters[l].weight_owner;
        const Layer<T>& owner = context.parameters[below];
        const int64_t row = owner.weight_row, transposed_row = context.parameters[l].weight_row;
        T *const gradient = context.plan.gradient[at(below)], *const transposed = context.plan.gradient[at(l)];
        const Range rows = part_of(owner.in, line_bytes / static_cast<int64_t>(sizeof(T)), member.index, member.count);
        for (int64_t i = rows.begin; i < rows.end; ++i)
            for (int64_t j = 0; j < owner.out; ++j) gradient[i * row + j] += transposed[j * transposed_row + i];
    }
    if (!any) return;
    member.wait();  // two layers may be the transposes of one
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        if (!context.parameters.transposes(l)) continue;
        const int64_t below = context.parameters[l].weight_owner;
        const Layer<T>& layer = context.parameters[l];
        const int64_t row = layer.weight_row, owner_row = context.parameters[below].weight_row;
        const T* const gradient = context.plan.gradient[at(below)];
        const Range rows = part_of(layer.in, line_bytes / static_cast<int64_t>(sizeof(T)), member.index, member.count);
        for (int64_t i = rows.begin; i < rows.end; ++i)
            for (int64_t j = 0; j < layer.out; ++j) context.plan.gradient[at(l)][i * row + j] = gradient[j * owner_row + i];
    }
    member.wait();
}

}  // namespace fastmlp
