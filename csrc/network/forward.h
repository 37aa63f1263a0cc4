// Forward: y[l+1] = f(y[l] W + b), shared by training, evaluation and prediction.
#pragma once

#include "network/plan.h"

namespace fastmlp {

// Samples order[first] ... (order null: first ...), converted and scaled.
inline GatherArguments samples_of(const Inputs& inputs, const int64_t* order, int64_t first, int64_t rows, int64_t features) {
    GatherArguments from{};
    from.source = static_cast<const char*>(inputs.data) + (order ? 0 : first * inputs.row_bytes);
    from.source_row = inputs.row_bytes;
    from.index = order ? order + first : nullptr;
    from.rows = rows;
    from.columns = features;
    from.shift = inputs.shift;
    from.scale = inputs.scale;
    from.shift32 = inputs.shift32;
    from.scale32 = inputs.scale32;
    return from;
}

// x[rows] = samples order[first + rows] (order null: first + rows). Returns the largest magnitude.
template <class T>
T gather_rows(const KernelTable<T>& kernels, const Inputs& inputs, const int64_t* order, int64_t first, const Range& rows, int64_t features,
              T* x, int64_t x_row) {
    if (rows.size() <= 0) return 0;
    return kernels.gather[static_cast<int>(inputs.type)](samples_of(inputs, order, first + rows.begin, rows.size(), features),
                                                         x + rows.begin * x_row, x_row);
}

// Asks for samples first ... of the order to be brought near while something else is computed: where the order is shuffled, their
// places cannot be foreseen by the processor. Those past the end do not exist.
inline void prefetch_rows(const Inputs& inputs, const int64_t* order, int64_t first, int64_t rows, int64_t features) {
    const int64_t row_size = features * (inputs.type == SourceType::uint8 ? 1 : inputs.type == SourceType::float32 ? 4 : 8);
    for (int64_t i = first; i < std::min(first + rows, inputs.count); ++i) {
        const char* const row = static_cast<const char*>(inputs.data) + (order ? order[i] : i) * inputs.row_bytes;
        for (int64_t offset = 0; offset < row_size; offset += line_bytes) __builtin_prefetch(row + offset, 0, 1);
    }
}

// One layer, with its own activation or identity where the caller wants z. `lists`: of its inputs where zeros are skipped, else
// empty. then(samples, units, y, ld) gets each finished rectangle. Returns the member's largest magnitude.
template <class T, class Then, class Stop>
T forward_layer(const KernelTable<T>& kernels, const Layer<T>& layer, int activation, int64_t rows, const Activity<T>& activity, int64_t l,
                const NonZeros<T>& lists, const TileScratch<T>& scratch, const Member& member, const Then& then, const Stop& stop) {
    const auto i = static_cast<std::size_t>(l);
    const Product<T> product{layer.in, activity.y[i],     activity.row[i],    1, layer.weight, layer.weight_row,
                             1,        activity.y[i + 1], activity.row[i + 1]};
    const Share share = share_of(rows, 1, layer.out, static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes, member);
    T *const slope = activity.slope[i + 1], *const by_constant = activity.by_constant[i + 1];
    const int64_t slope_row = activity.row[i + 1];
    T largest = 0;
    const auto finish = [&](const Range& tile_rows, const Range& columns, T* tile, int64_t tile_row) {
        const int64_t place = tile_rows.begin * slope_row + columns.begin;
        largest = std::max(
            largest, kernels.bias_activation[activation]({tile_rows.size(), columns.size(), tile, tile_row, layer.bias + columns.begin,
                                                          layer.constants_from(columns.begin), slope ? slope + place : nullptr, slope_row,
                                                          by_constant ? by_constant + place : nullptr}));
        then(tile_rows, columns, tile, tile_row);
    };
    if (lists)
        multiply_skipping(kernels, lists, product, share, product.c, finish, stop);
    else
        multiply(kernels, product, share, scratch, finish, stop);
    return largest;
}

// Points a group at the targets of its samples, order[first] ... (null: first ...).
template <class T>
void aim(LossArguments<T>& group, const Targets<T>& targets, const int64_t* order, int64_t first) {
    group.labels = targets.labels && !order ? targets.labels + first : targets.labels;
    group.targets = targets.values && !order ? targets.values + first * targets.value_row : targets.values;
    group.target_row = targets.value_row;
    group.index = order ? order + first : nullptr;
    group.weights = targets.weights && !order ? targets.weights + first : targets.weights;
}

// The targets of samples order[first] ... and the output unit, as the loss kernel takes them.
template <class T>
LossArguments<T> loss_group(const KernelTable<T>& kernels, const Layer<T>& last, const Targets<T>& targets, const int64_t* order,
                            int64_t first, int64_t samples) {
    LossArguments<T> group{};
    group.outputs = last.out;
    group.unit = kernels.bias_activation_columns[last.activation];
    group.unit_constants = last.constants.data();
    group.samples = samples;
    aim(group, targets, order, first);
    return group;
}

}  // namespace fastmlp
