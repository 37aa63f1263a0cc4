// The structure of a network as Python writes it, {key: value}, and back: an empty dict is a plain network.
#pragma once

#include <pybind11/pybind11.h>

#include "network/spec.h"

namespace fastmlp {

// Throws ValueError naming a key that there is none of, and the choices.
Structure structure_of(const pybind11::dict& given);
pybind11::dict as_dict(const Structure& structure);

// [{name, shape, trained}, ...] of every layer, W and b first.
pybind11::list tensor_rows(const Spec& spec);

}  // namespace fastmlp
