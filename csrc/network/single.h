// One row through the network. Such a row is bound by reading the weights, so the rows of W that a zero input or a zero activation
// would multiply are never read; its bits are those of the same row in any batch (kernels/sparse_row.h tells why).
#pragma once

#include "network/workspace.h"

namespace fastmlp {

// outputs (out) = the network's answer to sample i, the output unit applied. Returns whether the inputs, scaled, are finite; where not,
// the outputs do not count.
template <class T>
bool predict_row(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, int64_t i, RowWorkspace<T>& own,
                 T* outputs);

}  // namespace fastmlp
