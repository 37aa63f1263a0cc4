// Update: W[l] -= eta (y[l]^T delta[l] / batch + l2 W[l]) and b[l] -= eta sum(delta[l]) / batch, straight from the tiles of the
// gradient, or from a gradient that was stored.
#pragma once

#include <type_traits>

#include "network/chunk.h"
#include "network/mixed.h"

namespace fastmlp {

// What the optimizer needs to know beside places: the same for every parameter, but biases carry no penalty (A7).
template <class T>
UpdateArguments<T> update_arguments(const StepContext<T>& context, int64_t batch, double l2) {
    UpdateArguments<T> arguments{};
    arguments.share = T(1) / static_cast<T>(batch);
    arguments.learning_rate = static_cast<T>(context.hyper.learning_rate);
    arguments.momentum = static_cast<T>(context.hyper.momentum);
    arguments.l2 = static_cast<T>(l2);
    return arguments;
}

// A rectangle of W[l], from its gradient summed over the batch. Returns the largest magnitude written, as all kernels do.
template <class T>
T update(const StepContext<T>& context, int64_t l, int64_t batch, const Range& rows, const Range& columns, const T* gradient,
         int64_t gradient_row) {
    const Layer<T>& layer = context.parameters[l];
    const int64_t place = rows.begin * layer.weight_row + columns.begin;
    T* const velocity = context.plan.velocity[at(l)];
    UpdateArguments<T> arguments = update_arguments(context, batch, context.hyper.l2);
    arguments.gradient = gradient;
    arguments.gradient_row = gradient_row;
    arguments.weight = layer.weight + place;
    arguments.velocity = velocity ? velocity + place : nullptr;
    arguments.weight_row = layer.weight_row;
    arguments.rows = rows.size();
    arguments.columns = columns.size();
    const T largest = context.kernels.update(arguments);
    if constexpr (std::is_same_v<T, float>)
        if (context.plan.mixed.kernels) round_weights(layer, context.plan.mixed, l, rows, columns);
    return largest;
}

template <class T>
T update_bias(const StepContext<T>& context, int64_t l, int64_t batch, const Range& columns) {
    T* const velocity = context.plan.bias_velocity[at(l)];
    UpdateArguments<T> arguments = update_arguments(context, batch, 0);
    arguments.gradient = context.plan.bias_gradient[at(l)] + columns.begin;
    arguments.weight = context.parameters[l].bias + columns.begin;
    arguments.velocity = velocity ? velocity + columns.begin : nullptr;
    arguments.rows = 1;
    arguments.columns = columns.size();
    return context.kernels.update(arguments);
}

// gradient[l] += y[l]^T delta[l] for every layer. Fused, each tile goes into the update at once; otherwise it is stored.
template <class T>
void weight_gradients(const Chunk<T>& c, bool fused, int64_t batch) {
    T largest = 0;
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<T>& layer = c.parameters[l];
        const int64_t delta_row = c.plan.activity.row[at(l + 1)];
        const T* const delta = c.plan.delta[at(l)];
        Product<T> product{
            c.rows, c.plan.activity.y[at(l)], 1, c.plan.activity.row[at(l)], delta, delta_row, 1, c.plan.gradient[at(l)], layer.weight_row};
        if (c.plan.narrow) {
            product.a = c.plan.y_t[at(l)];
            product.a_row = c.plan.delta_t_row;
            product.a_step = 1;
        }
        product.accumulate = c.continues;
        const Share share = share_of(layer.in, 1, layer.out, c.panel(), c.member);
        const auto finish = [&](const Range& rows, const Range& columns, const T* tile, int64_t tile_row) {
            if (fused) largest = std::max(largest, update(c.context, l, batch, rows, columns, tile, tile_row));
        };
        const auto stop = [&] { return !fused && c.leaves(); };
        if (l == 0 && c.plan.by_feature)
            multiply_skipping(c.kernels, c.plan.by_feature, product, share, c.scratch.strip, finish, stop);
        else
            multiply(c.kernels, product, share, c.scratch.tile, finish, stop);

        if (share.empty() || share.rows.begin != 0) continue;  // a column's bias belongs to the owner of its first row
        T* const sums = c.plan.bias_gradient[at(l)] + share.columns.begin;
        if (!c.continues) std::fill(sums, sums + share.columns.size(), T(0));
        c.kernels.column_sums(c.rows, share.columns.size(), delta + share.columns.begin, delta_row, sums);
        if (fused) largest = std::max(largest, update_bias(c.context, l, batch, share.columns));
    }
    if (fused) c.peaks.parameters = largest;
}

// The update of a step whose gradients were stored: by several chunks, or because it must stay interruptible until here.
template <class T>
void update_from_stored(const StepContext<T>& context, int64_t batch, const Member& member) {
    T largest = 0;
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        const Layer<T>& layer = context.parameters[l];
        const Range rows = part_of(layer.in, 2, member.index, member.count), columns{0, layer.out};
        const T* const gradient = context.plan.gradient[at(l)] + rows.begin * layer.weight_row;
        if (rows.size() > 0) largest = std::max(largest, update(context, l, batch, rows, columns, gradient, layer.weight_row));
        if (member.leads()) largest = std::max(largest, update_bias(context, l, batch, columns));
    }
    context.plan.peaks[static_cast<std::size_t>(member.index)].parameters = largest;
}

}  // namespace fastmlp
