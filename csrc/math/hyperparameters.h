// A number that the user may choose: of an optimizer, a schedule or the clipping of gradients. Python's keys, defaults, ranges and error
// messages are read from these rows.
#pragma once

#include <cstdint>

namespace fastmlp {

enum class Takes { number, whole, flag };  // any number, a whole one, 0 or 1

struct Hyperparameter {
    const char* name;
    const char* meaning;
    double initial;        // where none is given
    double least, below;   // least <= value < below
    bool on_weights_only;  // biases have 0 instead
    Takes takes = Takes::number;
};

constexpr double unlimited = 1e30;  // exclusive; finite in every precision

}  // namespace fastmlp
