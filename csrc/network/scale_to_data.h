// First weights that suit the data (D. Mishkin and J. Matas, "All you need is a good init", ICLR 2016; P. Kraehenbuehl, C. Doersch, J.
// Donahue and T. Darrell, "Data-dependent initializations of convolutional neural networks", ICLR 2016): layer by layer, W and b are
// changed so that each unit's z = x W + b has mean 0 and deviation 1 over some samples. A unit whose z does not vary stays as it is.
#pragma once

#include "network/parameters.h"
#include "network/samples.h"

namespace fastmlp {

// In double whatever the network's precision; each sum is a chain over the samples in ascending order.
template <class T>
void scale_to_data(Parameters<T>& parameters, const Spec& spec, const Inputs& inputs);

}  // namespace fastmlp
