// Rules of normalisation and skip connections, and the tensors that they give to layers.
#pragma once

#include <string>

#include "network/spec.h"

namespace fastmlp {

// The tensor of a skip from y[from], in the layer that it goes into.
std::string projection_name(int64_t from);

// Adds to the extras of a spec whose sizes are complete, and brings its structure into one form. Throws std::invalid_argument naming the
// value and the rule.
void add_structured_layers(Spec& spec);

// Batch normalisation takes a batch whole, and more than a sample. Throws std::invalid_argument.
void require_whole_batches(const Spec& spec, int64_t batch);

}  // namespace fastmlp
