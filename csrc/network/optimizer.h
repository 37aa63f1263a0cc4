// How parameters change: which optimizer of math/optimizers.h, with which hyperparameters, schedule and limits, and what it keeps from
// step to step.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "descent/descent.h"
#include "math/catalog.h"
#include "math/update_options.h"
#include "network/hyperparameters.h"
#include "network/parameters.h"
#include "network/schedule.h"

namespace fastmlp {

// A struct of math/optimizers.h, to be chosen by name.
struct OptimizerRow {
    const char* name;
    const char* formula;
    bool adaptive;
    const Hyperparameter* hyperparameters;
    int count;
    int (*form)(const double*);
    int (*states)(int);
    int (*seen_states)(int);
    bool (*keeps_without_gradient)(const double*);
    void (*prepare)(const double*, int64_t, double*);
    double (*bound)(const double*, double, double);
};
const std::vector<OptimizerRow>& optimizers();

struct Optimizer {
    int id = 0;                                        // in Optimizers
    std::array<double, largest_hyperparameters> of{};  // in the order of its struct, the learning rate first
};

// Names and values of some hyperparameters; the others have their defaults. Throws std::invalid_argument naming the choices, or
// the value and its range.
Optimizer make_optimizer(const std::string& name, const Named& hyperparameters);

// All that is chosen of an update.
struct UpdateRule {
    Optimizer optimizer;
    Schedule schedule;
    double clip_value = 0, clip_norm = 0;  // 0: no limit
    std::vector<double> layer_rates;       // multiples of the learning rate, one a layer; empty: 1
    double bias_rate = 1;
    std::optional<DescentRules> full_batch{};  // a descent on all samples, instead of all of the above

    UpdateRule() = default;
    explicit UpdateRule(const Optimizer& chosen) : optimizer(chosen) {}
};

// Throws std::invalid_argument where a number is out of range, both limits are given, or layer_rates has not one for each of `layers`.
void require_sound(const UpdateRule& rule, int64_t layers);

// Parameters that share a kernel and what it is told.
template <class T>
struct ParameterGroup {
    Optimizer with;                               // its learning rate is that of the step that is being taken
    double multiple;                              // of the learning rate
    int form;                                     // of the optimizer
    std::array<double, largest_scalars> exact{};  // what `prepare` has made; some of it goes on in the next step
    std::array<T, largest_scalars> scalars{};     // the same rounded, of the step that is being taken
};

// The state outlives the epoch: averages and the count of steps go on in the next.
template <class T>
class OptimizerState {
public:
    const UpdateRule rule;
    const OptimizerRow& row;
    const int states;
    int64_t steps = 0;                                                // taken so far
    int64_t reductions = 0;                                           // of the learning rate, for a schedule that is told of them
    double learning_rate = 0;                                         // of the last step, without multiples
    std::vector<std::array<T*, largest_states>> weights, biases;      // [l][state]: as weight and bias
    std::vector<std::vector<std::array<T*, largest_states>>> extras;  // [l][e][state]: as extras; null where that is not trained

    OptimizerState(const UpdateRule& rule, int64_t layers);
    void take(Arena& in, const Parameters<T>& parameters);
    const ParameterGroup<T>& of_weights(int64_t l) const { return groups_[weight_group_[static_cast<std::size_t>(l)]]; }
    const ParameterGroup<T>& of_biases(int64_t l) const { return groups_[bias_group_[static_cast<std::size_t>(l)]]; }

    const ParameterGroup<T>& of_extra(int64_t l, const Extra<T>& extra) const {
        return extra.about.penalised ? of_weights(l) : groups_[extra_group_[static_cast<std::size_t>(l)]];
    }

    bool clips_values() const { return rule.clip_value != 0; }
    // Whether a weight whose gradient is zero stays as it is, to the bit.
    bool keeps_without_gradient() const { return row.keeps_without_gradient(rule.optimizer.of.data()); }
    // Of the states that `bound` is told of.
    T largest_magnitude(const Parameters<T>& parameters) const;
    // Whether the kernels for form 0 without states will do.
    bool is_plain() const { return states == 0 && groups_.front().form == 0 && !clips_values(); }
    void next_step();  // by the leader, before the parameters change; from here on the step is taken

    // The learning rate of the next step.
    double next_learning_rate() const { return rule.optimizer.of[0] * (constant_ ? 1 : rule.schedule.factor(steps, reductions)); }

    // More than the magnitude of any number that the update computes, as the struct proves it, for the largest learning rate of all.
    double bound(double gradient, double parameters) const { return row.bound(largest_.data(), gradient, parameters); }

private:
    std::size_t group(const Optimizer& optimizer, double multiple);
    void prepare(ParameterGroup<T>& of);
    const bool constant_;
    int64_t prepared_ = 0;  // steps that the scalars have gone through
    std::array<double, largest_hyperparameters> largest_;
    std::vector<ParameterGroup<T>> groups_;
    std::vector<std::size_t> weight_group_, bias_group_, extra_group_;
};

}  // namespace fastmlp
