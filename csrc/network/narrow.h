// The way of a chunk through a narrow network: the first four acts of step.cpp, with the same bits and fewer instructions.
#pragma once

#include "network/chunk.h"

namespace fastmlp {

// Layers narrower than a few vectors fill them badly when features stand in the lanes; a batch of samples fills them. Both ways
// give the same bits, so the answer may depend on `lanes`.
template <class T>
bool is_narrow(const Parameters<T>& parameters, int64_t batch, int lanes);

// Gather, forward, loss and backward. Each member takes its own samples through all of it, so that nobody waits before the end.
template <class T>
void pass_narrow(const Chunk<T>& chunk);

}  // namespace fastmlp
