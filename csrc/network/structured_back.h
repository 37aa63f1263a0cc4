// The way back through structured layers (structured.h): each act is made by all members together.
#pragma once

#include "network/chunk.h"

namespace fastmlp {

// Whether dL/dy[l] goes back by backward_structured(), and not tile by tile.
template <class T>
bool comes_back_structured(const Chunk<T>& chunk, int64_t l);

// delta[l - 1] from delta[l] and what skips from y[l] have come to, and the gradients of scale and shift. Ends without a barrier.
template <class T>
void backward_structured(const Chunk<T>& chunk, int64_t l);

// Gradients of the projections of all skips, when all deltas exist.
template <class T>
void projection_gradients(const Chunk<T>& chunk);

// By the leader, once the step is taken: mean and variance for prediction move towards those of the batch.
template <class T>
void remember_batch(const StepContext<T>& context, int64_t batch);

}  // namespace fastmlp
