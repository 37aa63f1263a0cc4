// What layers have beside W and b (parameters.h): their gradients and their update. They are few and small, so their gradients are stored,
// and their update is a pass of its own after that of the weights.
#pragma once

#include "network/chunk.h"
#include "network/dropout.h"
#include "network/structured_back.h"
#include "network/update.h"

namespace fastmlp {

// A tile of dL/dy[l], as the backward product makes it, times dy/dc for the constants c that the units of layer l - 1 have learnt. Returns
// the largest magnitude.
template <class T>
T multiply_by_constant(const Chunk<T>& c, int64_t l, const Range& features, const Range& samples, const T* tile, int64_t tile_row) {
    const int64_t row = c.plan.activity.row[at(l)];
    T* const of_each = c.plan.activity.by_constant[at(l)] + samples.begin * row + features.begin;
    const auto multiply_each = c.kernels.backward[c.parameters[l - 1].activation];
    T largest = multiply_each(features.size(), samples.size(), tile, tile_row, of_each, row, of_each, row, nullptr, 0);
    if (c.plan.dropout && c.plan.dropout.of[at(l)]) largest *= drop_delta<T>(c, l, samples, features, of_each, nullptr);
    return largest;
}

// Of the chunk, added to those of earlier ones; after the barrier that ends backward.
template <class T>
void extra_gradients(const Chunk<T>& c) {
    if (c.plan.structured) projection_gradients(c);
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const T* const of_each = c.plan.activity.by_constant[at(l + 1)];
        const Range mine = part_of(c.parameters[l].out, line_bytes / static_cast<int64_t>(sizeof(T)), c.member.index, c.member.count);
        if (of_each == nullptr || mine.size() <= 0) continue;
        T* const sums = c.plan.extra_gradient[at(l)][0] + mine.begin;
        if (!c.continues) std::fill(sums, sums + mine.size(), T(0));
        c.kernels.column_sums(c.rows, mine.size(), of_each + mine.begin, c.plan.activity.row[at(l + 1)], sums);
    }
}

// Rows of tensor e of layer l (a vector has one), from their gradient summed over the batch. Returns the largest magnitude seen.
template <class T>
T update_extra(const StepContext<T>& context, int64_t l, std::size_t e, int64_t batch, const Range& rows) {
    const Extra<T>& extra = context.parameters[l].extras[e];
    const OptimizerState<T>& optimizer = context.plan.optimizer;
    const ParameterGroup<T>& group = optimizer.of_extra(l, extra);
    const int64_t place = rows.begin * extra.row;
    UpdateArguments<T> arguments = update_arguments(context, extra.values, optimizer.extras[at(l)][e], place, group, batch);
    arguments.gradient = context.plan.extra_gradient[at(l)][e] + place;
    arguments.gradient_row = arguments.weight_row = extra.row;
    arguments.rows = rows.size();
    arguments.columns = extra.about.columns;
    return update_kernel(context, group)(arguments);
}

template <class T>
void update_extras(const StepContext<T>& context, int64_t batch, const Member& member) {
    T& largest = context.plan.peaks[static_cast<std::size_t>(member.index)].parameters;
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        const auto& extras = context.parameters[l].extras;
        for (std::size_t e = 0; e < extras.size(); ++e) {
            const Range rows = part_of(extras[e].about.lines(), 1, member.index, member.count);
            if (extras[e].about.trained && rows.size() > 0) largest = std::max(largest, update_extra(context, l, e, batch, rows));
        }
    }
}

}  // namespace fastmlp
