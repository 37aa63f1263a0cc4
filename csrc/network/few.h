// Acts of a step (step.cpp) for one to four samples and one thread, with the same bits and fewer instructions.
#pragma once

#include "network/parameters.h"

namespace fastmlp {

template <class T>
struct Chunk;

template <class T>
void forward_few(const Chunk<T>& chunk);
template <class T>
void backward_few(const Chunk<T>& chunk);

// As weight_gradients (update.h), fused, for an optimizer that keeps a weight without gradient as it is.
template <class T>
void update_few(const Chunk<T>& chunk, int64_t batch);

}  // namespace fastmlp
