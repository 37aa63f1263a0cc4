// Update: the optimizer on W[l] with the gradient y[l]^T delta[l] / batch and on b[l] with sum(delta[l]) / batch, straight from the
// tiles of the gradient, or from a gradient that was stored.
#pragma once

#include <type_traits>

#include "network/chunk.h"
#include "network/compact.h"
#include "network/mask.h"
#include "network/mixed.h"

namespace fastmlp {

// Parameters of which `place` is the first, their states and what the optimizer needs to know.
template <class T>
UpdateArguments<T> update_arguments(const StepContext<T>& context, T* parameters, const std::array<T*, largest_states>& states,
                                    int64_t place, const ParameterGroup<T>& group, int64_t batch) {
    UpdateArguments<T> arguments{};
    arguments.weight = parameters + place;
    for (std::size_t s = 0; s < static_cast<std::size_t>(context.plan.optimizer.states); ++s) arguments.state[s] = states[s] + place;
    arguments.scalar = group.scalars.data();
    arguments.share = T(1) / static_cast<T>(batch);
    arguments.limit = context.plan.clipping.value;
    if (context.plan.clipping.by_norm) arguments.share *= context.plan.clipping.factor;
    return arguments;
}

template <class T>
UpdateArguments<T> weight_arguments(const StepContext<T>& context, int64_t l, int64_t batch, const Range& rows, const Range& columns) {
    const Layer<T>& layer = context.layer(l);
    const OptimizerState<T>& optimizer = context.plan.optimizer;
    const int64_t place = rows.begin * layer.weight_row + columns.begin;
    UpdateArguments<T> arguments = update_arguments(context, layer.weight, optimizer.weights[at(l)], place, optimizer.of_weights(l), batch);
    arguments.weight_row = layer.weight_row;
    arguments.rows = rows.size();
    arguments.columns = columns.size();
    return arguments;
}

template <class T>
auto update_kernel(const StepContext<T>& context, const ParameterGroup<T>& group) {
    return context.kernels.update[group.with.id][group.form][context.plan.optimizer.clips_values()];
}

// A rectangle of W[l], from its gradient summed over the batch; `below` rows of the same columns follow. Returns the largest magnitude
// seen, as all kernels do.
template <class T>
T update_weights(const StepContext<T>& context, int64_t l, int64_t batch, const Range& rows, const Range& columns, const T* gradient,
                 int64_t gradient_row, int64_t below) {
    const OptimizerState<T>& optimizer = context.plan.optimizer;
    UpdateArguments<T> arguments = weight_arguments(context, l, batch, rows, columns);
    arguments.gradient = gradient;
    arguments.gradient_row = gradient_row;
    arguments.below = below;
    const T largest = update_kernel(context, optimizer.of_weights(l))(arguments);
    if constexpr (std::is_same_v<T, float>)
        if (context.plan.mixed.kernels) round_weights(context.parameters[l], context.plan.mixed, l, rows, columns);
    return largest;
}

template <class T>
T update_bias(const StepContext<T>& context, int64_t l, int64_t batch, const Range& columns) {
    const OptimizerState<T>& optimizer = context.plan.optimizer;
    UpdateArguments<T> arguments =
        update_arguments(context, context.parameters[l].bias, optimizer.biases[at(l)], columns.begin, optimizer.of_biases(l), batch);
    arguments.gradient = context.plan.bias_gradient[at(l)] + columns.begin;
    arguments.rows = 1;
    arguments.columns = columns.size();
    return update_kernel(context, optimizer.of_biases(l))(arguments);
}

// The product y[l]^T delta[l] of which no tile is stored: each is updated from the registers that hold it.
template <class T>
T update_from_registers(const Chunk<T>& c, int64_t l, int64_t batch, const Product<T>& product, const Share& share) {
    const auto& kernels = c.kernels.update_tile[c.plan.optimizer.rule.optimizer.id];
    T largest = 0;
    visit_tiles(
        c.kernels, product, share, c.scratch.tile,
        [&](const Range& rows, const Range& columns, int64_t vectors, const TileArguments<T>& tile, bool) {
            const UpdateArguments<T> arguments = weight_arguments(c.context, l, batch, rows, columns);
            largest = std::max(largest, kernels[vectors - 1][rows.size() - 1](tile, arguments));
        },
        [] { return false; });
    return largest;
}

template <class T>
void sum_bias_gradient(const Chunk<T>& c, int64_t l, const Range& columns) {
    T* const sums = c.plan.bias_gradient[at(l)] + columns.begin;
    if (!c.continues && c.parameters.owns(l)) std::fill(sums, sums + columns.size(), T(0));
    c.kernels.column_sums(c.rows, columns.size(), c.plan.delta[at(l)] + columns.begin, c.plan.activity.row[at(l + 1)], sums);
}

// gradient[l] += y[l]^T delta[l] for every layer. Fused, each tile goes into the update at once; otherwise it is stored.
template <class T>
void weight_gradients(const Chunk<T>& c, bool fused, int64_t batch) {
    T largest = 0;
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<T>& layer = c.layer(l);
        const int64_t delta_row = c.plan.activity.row[at(l + 1)];
        const T* const delta = c.plan.delta[at(l)];
        Product<T> product{
            c.rows, c.plan.activity.y[at(l)], 1, c.plan.activity.row[at(l)], delta, delta_row, 1, c.plan.gradient[at(l)], layer.weight_row};
        if (c.plan.ways.narrow) {
            product.a = c.plan.y_t[at(l)];
            product.a_row = c.plan.delta_t_row;
            product.a_step = 1;
        }
        product.accumulate = c.continues || !c.parameters.owns(l);  // then of an owner below, whose tiles are this member's too
        const Share share = share_of(layer.in, 1, layer.out, c.panel(), c.member);
        const auto finish = [&](const Range& rows, const Range& columns, T* tile, int64_t tile_row) {
            if (layer.mask) mask_gradient(layer, rows, columns, tile, tile_row);
            if (fused)
                largest = std::max(largest, update_weights(c.context, l, batch, rows, columns, tile, tile_row, share.rows.end - rows.end));
        };
        const auto stop = [&] { return !fused && c.leaves(); };
        if (l == 0 && c.skips_zeros())
            multiply_skipping(c.kernels, c.plan.by_feature, product, share, c.scratch.strip, finish, stop);
        else if (c.plan.ways.updating)
            largest = std::max(largest, update_from_registers(c, l, batch, product, share));
        else
            multiply(c.kernels, product, share, c.scratch.tile, finish, stop);

        if (share.empty() || share.rows.begin != 0) continue;  // a column's bias belongs to the owner of its first row
        sum_bias_gradient(c, l, share.columns);
        if (fused) largest = std::max(largest, update_bias(c.context, l, batch, share.columns));
    }
    if (!fused) return;
    if (c.plan.ways.compacting) largest = std::max(largest, put_back(c));
    c.peaks.parameters = largest;
}

// The update of a step whose gradients were stored: by several chunks, or because it must stay interruptible until here.
template <class T>
void update_from_stored(const StepContext<T>& context, int64_t batch, const Member& member) {
    T largest = 0;
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        const Layer<T>& layer = context.parameters[l];
        if (!context.parameters.owns(l)) continue;
        const Range rows = part_of(layer.in, 2, member.index, member.count), columns{0, layer.out};
        const T* const gradient = context.plan.gradient[at(l)] + rows.begin * layer.weight_row;
        if (rows.size() > 0) largest = std::max(largest, update_weights(context, l, batch, rows, columns, gradient, layer.weight_row, 0));
        if (member.leads()) largest = std::max(largest, update_bias(context, l, batch, columns));
    }
    context.plan.peaks[static_cast<std::size_t>(member.index)].parameters = largest;
}

}  // namespace fastmlp
