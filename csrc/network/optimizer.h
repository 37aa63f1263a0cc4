// The optimizer of a training: which of math/optimizers.h, with which hyperparameters, and what it keeps from step to step.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "math/catalog.h"
#include "network/parameters.h"

namespace fastmlp {

// A struct of math/optimizers.h, to be chosen by name.
struct OptimizerRow {
    const char* name;
    const char* formula;
    bool adaptive;
    const Hyperparameter* hyperparameters;
    int count;
    int seen_states;
    int (*states)(const double*);
    bool (*keeps_without_gradient)(const double*);
    void (*prepare)(const double*, int64_t, double*);
    double (*bound)(const double*, double, double);
};
const std::vector<OptimizerRow>& optimizers();

struct Optimizer {
    int id = 0;                                        // in Optimizers
    std::array<double, largest_hyperparameters> of{};  // in the order of its struct
};

// Names and values of some hyperparameters; the others have their defaults. Throws std::invalid_argument naming the choices, or
// the value and its range.
using Named = std::vector<std::pair<std::string, double>>;
Optimizer make_optimizer(const std::string& name, const Named& hyperparameters);

// The state outlives the epoch: averages and the count of steps go on in the next.
template <class T>
struct OptimizerState {
    const Optimizer for_weights, for_biases;
    const OptimizerRow& row;
    const int states;
    int64_t steps = 0;                                                // taken so far
    std::vector<std::array<T*, largest_states>> weights, biases;      // [l][state]: as weight and bias
    std::array<T, largest_scalars> weight_scalars{}, bias_scalars{};  // of the step that is being taken

    explicit OptimizerState(const Optimizer& optimizer);
    void take(Arena& in, const Parameters<T>& parameters);
    // Whether a weight whose gradient is zero stays as it is, to the bit.
    bool keeps_without_gradient() const { return row.keeps_without_gradient(for_weights.of.data()); }
    // Of the states that `bound` is told of.
    T largest_magnitude(const Parameters<T>& parameters) const;
    void next_step();  // by the leader, before the parameters change; from here on the step is taken

    // More than the magnitude of any number that the update computes, as the struct proves it.
    double bound(double gradient, double parameters) const { return row.bound(for_weights.of.data(), gradient, parameters); }
};

}  // namespace fastmlp
