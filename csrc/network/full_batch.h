// Training on all samples at once, by a descent with a line search: an epoch is one step. Loss and gradients are those of a step
// (step.cpp), stored; the vectors of the descent hold all trained parameters, one tensor after the other.
#pragma once

#include <vector>

#include "descent/descent.h"
#include "network/interruption.h"
#include "network/parameters.h"
#include "network/samples.h"

namespace fastmlp {

// How a training goes down that has a descent instead of an optimizer; part of its plan.
template <class T>
struct FullBatch {
    Descent<T> descent;
    Tally tally{};  // of the parameters as they stand
};

template <class T>
struct StepContext;
struct EpochReport;

// How long the vectors of its descent are.
template <class T>
int64_t trained_count(const Parameters<T>& parameters);

// One step. Parameters always stand where the last whole one has led.
template <class T>
void run_full_batch(const StepContext<T>& context, int64_t samples, const Poll& poll, EpochReport& report);

}  // namespace fastmlp
