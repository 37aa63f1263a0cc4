// Whether an instruction for pairs is worth using: some processors have it at less than the rate of their plain fma, and its
// manual leaves room that math/bf16.h closes only for those that multiply and round as the manual says.
#pragma once

#include "kernels/kernel_table.h"

namespace fastmlp {

// Runs a tile of each, a tenth of a millisecond in all: true where the bits are the same and `best` takes less time.
bool pays(const PairKernels& best, const PairKernels& plain);

}  // namespace fastmlp
