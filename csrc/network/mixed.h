// Mixed precision: the products of a step with bf16 factors (math/bf16.h), everything else in float. The same five acts as step.cpp;
// what differs is that each result is rounded, as soon as its tile is complete, to the pairs that later products read.
#pragma once

#include "network/chunk.h"

namespace fastmlp {

// A rectangle of W[l] that has changed, rounded to the factors of products; it starts at an even row and column.
void round_weights(const Layer<float>& layer, const MixedFactors& factors, int64_t l, const Range& rows, const Range& columns);

// Gather, forward, loss and backward.
void pass_mixed(const Chunk<float>& chunk);

// As weight_gradients (update.h).
void weight_gradients_mixed(const Chunk<float>& chunk, bool fused, int64_t batch);

}  // namespace fastmlp
