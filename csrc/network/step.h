// One training step: START READING HERE (step.cpp). Gather, forward, loss, backward, update.
#pragma once

#include "network/custom_loss.h"
#include "network/heads.h"
#include "network/loss.h"
#include "network/plan.h"

namespace fastmlp {

// Everything a step reads, and the parameters it changes.
template <class T>
struct StepContext {
    const KernelTable<T>& kernels;
    Parameters<T>& parameters;
    StepPlan<T>& plan;
    Inputs inputs;
    Targets<T> targets;
    const LossInUse<T>& loss;
    CustomLoss<T>* custom = nullptr;       // instead of `loss`
    const HeadLosses<T>* heads = nullptr;  // instead of `loss` and `targets`

    // As the step sees it: the lowest may have fewer inputs than the network's.
    const Layer<T>& layer(int64_t l) const { return l == 0 && plan.ways.compacting ? plan.compaction.layer : parameters[l]; }
};

struct Interruption;

enum class StepResult { committed, abandoned, not_finite };

// Trains on samples order[first] ... order[first + batch - 1] (order null: in sequence). All members call it together and get the
// same result; parameters change only if it is `committed`. The leader adds to `tally`.
template <class T>
StepResult step(const StepContext<T>& context, const int64_t* order, int64_t first, int64_t batch, const Member& member,
                Interruption& interruption, Tally& tally);

// Of all samples in sequence: `tally`, by the leader, and the stored gradients, each a sum. Nothing is updated. All members call it
// together and get the same answer; false: it was left before the end.
template <class T>
bool loss_and_gradients(const StepContext<T>& context, int64_t samples, const Member& member, Interruption& interruption, Tally& tally);

}  // namespace fastmlp
