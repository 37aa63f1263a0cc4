#include "network/heads.h"

#include <cmath>

#include "network/forward.h"

namespace fastmlp {
namespace {

// delta_t = the transpose of z. A head's columns begin anywhere in a row, where no kernel may read whole vectors.
template <class T>
void take_columns(const LossArguments<T>& group, int64_t lanes) {
    if (group.z == nullptr) return;
    for (int64_t j = 0; j < group.outputs; ++j) {
        T* const column = group.delta_t + j * group.delta_t_row;
        for (int64_t i = 0; i < group.samples; ++i) column[i] = group.z[i * group.z_row + j];
        std::fill(column + group.samples, column + lanes, T(0));
    }
}

template <class T>
void put_rows(const LossArguments<T>& group) {
    if (group.delta == nullptr) return;
    for (int64_t i = 0; i < group.samples; ++i)
        for (int64_t j = 0; j < group.outputs; ++j) group.delta[i * group.delta_row + j] = group.delta_t[j * group.delta_t_row + i];
}

// The range of the transposed block that belongs to a head.
template <class T>
LossArguments<T> part_of_head(const KernelTable<T>& kernels, const LossArguments<T>& group, const HeadOutput<T>& output) {
    LossArguments<T> part = group;
    part.z = nullptr;
    part.delta = nullptr;
    part.delta_t = group.delta_t + output.begin * group.delta_t_row;
    part.outputs = output.units;
    part.unit = kernels.bias_activation_columns[output.unit];
    part.unit_constants = output.constants.data();
    return part;
}

// Times the head's weight, deltas in place and losses beside those of the head alone.
template <class T>
T weigh_head(const KernelTable<T>& kernels, LossArguments<T>& part, T weight, T* losses) {
    alignas(line_bytes) T weights[largest_lanes];
    std::fill(weights, weights + largest_lanes, weight);
    part.losses = losses;
    part.index = nullptr;
    part.weights = weights;
    return kernels.weigh(part);
}

}  // namespace

template <class T>
T HeadLosses<T>::operator()(LossArguments<T> group, const int64_t* order, int64_t first, T* const* losses, int64_t place,
                            int64_t* correct) const {
    take_columns(group, kernels.lanes);
    T largest = 0;
    for (std::size_t h = 0; h < tasks.size(); ++h) {
        const HeadTask<T>& task = tasks[h];
        LossArguments<T> part = part_of_head(kernels, group, outputs[h]);
        aim(part, task.targets, order, first);
        part.losses = losses[h] + place;
        part.correct = correct + h;
        T seen = task.loss(part);
        T own[largest_lanes];
        std::copy(part.losses, part.losses + group.samples, own);
        if (task.weight != T(1)) seen = weigh_head(kernels, part, task.weight, own);
        for (int64_t i = 0; i < group.samples; ++i) group.losses[i] = h == 0 ? own[i] : group.losses[i] + own[i];
        largest = std::max(largest, seen);
    }
    for (int64_t i = 0; i < group.samples; ++i)
        if (!std::isfinite(group.losses[i])) largest = std::numeric_limits<T>::infinity();
    put_rows(group);
    return largest;
}

template <class T>
void apply_output_units(const KernelTable<T>& kernels, const std::vector<HeadOutput<T>>& heads, int64_t rows, T* y, int64_t y_row,
                        const HeadScratch<T>& own) {
    for (int64_t r = 0; r < rows; r += largest_lanes) {
        const int64_t count = std::min<int64_t>(largest_lanes, rows - r);
        for (const HeadOutput<T>& head : heads) {
            T* const place = y + r * y_row + head.begin;
            for (int64_t i = 0; i < count; ++i) std::copy(place + i * y_row, place + i * y_row + head.units, own.rows + i * own.row);
            if (is_rowwise(head.unit))
                kernels.softmax(count, head.units, own.rows, own.row, own.softmax);
            else
                kernels.bias_activation[head.unit]({count, head.units, own.rows, own.row, own.zeros, head.constants.data(), nullptr, 0});
            for (int64_t i = 0; i < count; ++i) std::copy(own.rows + i * own.row, own.rows + i * own.row + head.units, place + i * y_row);
        }
    }
}

template struct HeadLosses<float>;
template struct HeadLosses<double>;
template void apply_output_units(const KernelTable<float>&, const std::vector<HeadOutput<float>>&, int64_t, float*, int64_t,
                                 const HeadScratch<float>&);
template void apply_output_units(const KernelTable<double>&, const std::vector<HeadOutput<double>>&, int64_t, double*, int64_t,
                                 const HeadScratch<double>&);

}  // namespace fastmlp
