// A few rows through the network, together. They are bound by reading the weights, so the rows of W that zero inputs or zero activations
// would multiply are never read; the bits are those of the same rows in any batch (kernels/few_rows.h tells why).
#pragma once

#include "network/workspace.h"

namespace fastmlp {

// At most largest_few_rows samples. outputs (samples x out, ld = out) = the network's answers, the output unit applied. Returns whether
// the inputs, scaled, are finite; where not, nothing is written.
template <class T>
bool predict_few(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, FewWorkspace<T>& own, T* outputs);

}  // namespace fastmlp
