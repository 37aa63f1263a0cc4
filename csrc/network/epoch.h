// One epoch in one call: step after step, by a team of threads that stays for all of it or for some 50 ms (runtime/pace.h).
#pragma once

#include <vector>

#include "network/interruption.h"
#include "network/step.h"

namespace fastmlp {

enum class EpochEnd { complete, interrupted, not_finite };

struct StepFigures {
    double loss, learning_rate;  // the mean of the batch before the step, and the rate of the step
};

struct EpochReport {
    Tally tally;
    int64_t steps = 0;
    EpochEnd end = EpochEnd::complete;
    double learning_rate = 0;  // of the last step, without the multiples of layers and biases; of a line search: its step
    std::vector<StepFigures>* recorded = nullptr;  // each step adds its figures; null: they are not wanted
    int64_t evaluations = 0;                       // of a full batch: losses with their gradients, by the line search
    DescentEnd stop = DescentEnd::none;            // of a full batch: why no epoch should follow
};

// `order` null: in sequence. `report` says what is done already (nothing, or what an interrupted call has left) and grows step by
// step, so that poll may read it. Parameters and report always stand at a whole step.
template <class T>
void run_epoch(const StepContext<T>& context, const int64_t* order, int64_t samples, const Poll& poll, EpochReport& report);

}  // namespace fastmlp
