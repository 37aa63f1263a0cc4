// The loss of a training: which of math/losses.h, with which constants.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"

namespace fastmlp {

// A struct of math/losses.h, to be chosen by name.
struct LossRow {
    const char* name;
    const char* formula;
    const LossConstant* constants;
    int count;
    bool smooths, is_margin, log_outputs;
    TargetDomain targets;
};
const std::vector<LossRow>& losses();

struct Loss {
    int id = 0;                     // in Losses
    std::vector<double> constants;  // in the order of its struct; one for each output where it says so
    const LossRow& row() const { return losses()[static_cast<std::size_t>(id)]; }
};

// Names and values of some constants, one value or one for each output; the others have their defaults. Throws std::invalid_argument
// naming the choices, or the value and its range.
using NamedLists = std::vector<std::pair<std::string, std::vector<double>>>;
Loss make_loss(const std::string& name, const NamedLists& constants, int64_t outputs);

// The kernel of a loss on its output unit, chosen once, and its constants in the network's precision.
template <class T>
struct LossInUse {
    LossKernel<T> kernel;
    LossKernel<T> weigh;
    std::vector<T> constants;

    LossInUse(const KernelTable<T>& kernels, const Loss& loss, int output_unit);

    // Loss and delta of a group; weighted, where its samples have weights. Returns the largest magnitude of delta.
    T operator()(LossArguments<T>& group) const {
        group.constants = constants.data();
        if (group.weights == nullptr) return kernel(group);
        T* const delta = group.delta;
        group.delta = nullptr;
        kernel(group);
        group.delta = delta;
        return weigh(group);
    }
};

}  // namespace fastmlp
