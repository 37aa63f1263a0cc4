// Masks: units that have some of their weights only (LECTURES F3, A8). A layer's mask is a tensor beside W and b (parameters.h). W is zero
// where the mask is: the first weights are, and no update changes that, because the gradient is masked before anything is made of it
// and no optimizer moves a zero whose gradient and states are zeros.
#pragma once

#include <vector>

#include "gemm/share.h"
#include "network/parameters.h"
#include "runtime/dispatch.h"

namespace fastmlp {

template <class T>
struct StepPlan;

template <class T>
bool has_masks(const Parameters<T>& parameters) {
    for (int64_t l = 0; l < parameters.layers(); ++l)
        if (parameters[l].mask) return true;
    return false;
}

// A tile of the gradient of W.
template <class T>
void mask_gradient(const Layer<T>& layer, const Range& rows, const Range& columns, T* tile, int64_t tile_row) {
    const T* const mask = layer.mask + rows.begin * layer.weight_row + columns.begin;
    table<T>(sparse_kernels()).apply_mask(rows.size(), columns.size(), tile, tile_row, mask, layer.weight_row);
}

// After masks were changed: weights, optimizer states and averages are zero where they are.
template <class T>
void apply_masks(const Parameters<T>& parameters, StepPlan<T>& plan);

// `count` inputs for each unit, each set as likely as any other: mask (inputs x units), 1 where there is a connection. A function of
// (seed, layer, unit). Throws std::invalid_argument where there are fewer inputs.
std::vector<uint8_t> draw_connections(int64_t inputs, int64_t units, int64_t count, uint64_t seed, uint32_t layer);

}  // namespace fastmlp
