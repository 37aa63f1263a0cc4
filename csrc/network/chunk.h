// The rows that go through the network together, as one member of the team sees them.
#pragma once

#include <algorithm>

#include "network/forward.h"
#include "network/interruption.h"
#include "network/step.h"
#include "random/philox.h"

namespace fastmlp {

inline std::size_t at(int64_t l) { return static_cast<std::size_t>(l); }

template <class T>
struct Chunk {
    const StepContext<T>& context;
    const Member& member;
    Interruption& interruption;
    const int64_t* order;
    int64_t first, rows;
    bool continues;  // gradients go on from an earlier chunk

    const KernelTable<T>& kernels = context.kernels;
    const Parameters<T>& parameters = context.parameters;
    StepPlan<T>& plan = context.plan;
    MemberScratch<T>& scratch = plan.scratch[static_cast<std::size_t>(member.index)];
    Peaks<T>& peaks = plan.peaks[static_cast<std::size_t>(member.index)];

    // Asked before each row of tiles of a product: a long step may end inside, and is then abandoned whole.
    bool leaves() const {
        if (!plan.long_step) return false;
        return member.leads() ? interruption.asked() : interruption.requested.load(std::memory_order_relaxed);
    }
    Range my_samples() const { return part_of(rows, kernels.lanes, member.index, member.count); }
    Range my_features() const { return part_of(parameters[0].in, kernels.lanes, member.index, member.count); }
    const Layer<T>& layer(int64_t l) const { return context.layer(l); }
    bool skips_zeros() const { return plan.ways.skipping && member.count <= plan.most_skipping; }
    void see_extra(int64_t l, T largest) const { peaks.extra[at(l)] = std::max(peaks.extra[at(l)], largest); }
    int64_t panel() const { return static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes; }
};

// The sample at `place` of the epoch's order alone, as its row of x would be before it is mixed. Returns the largest magnitude.
template <class T>
T gather_sample(const Chunk<T>& c, int64_t place, T* to) {
    if (c.plan.augmentation) return c.plan.augmentation.gather_sample(c, place, to);
    const Inputs& inputs = c.context.inputs;
    const int64_t features = c.parameters[0].in;
    return c.kernels.gather[static_cast<int>(inputs.type)](samples_of(inputs, c.order, place, 1, features), to, features);
}

// x[samples] = the member's samples, converted, changed where that is asked for, and scaled. Returns the largest magnitude.
template <class T>
T gather_inputs(const Chunk<T>& c, T* x) {
    const Range mine = c.my_samples();
    const int64_t features = c.parameters[0].in, row = c.plan.activity.row[0];
    T largest = c.plan.augmentation ? c.plan.augmentation.gather(c, x)
                                    : gather_rows(c.kernels, c.context.inputs, c.order, c.first, mine, features, x, row);
    if (c.plan.mixup) largest = std::max(largest, c.plan.mixup.mix(c, x));
    if (c.plan.noise > 0 && mine.size() > 0) {
        const PhiloxArguments stream{c.plan.seed, static_cast<uint32_t>(Purpose::noise) << 24,
                                     static_cast<uint32_t>(c.plan.optimizer.steps)};
        const auto first = static_cast<uint32_t>(c.first + mine.begin);
        c.kernels.add_noise({stream, first, mine.size(), features, x + mine.begin * row, row, c.plan.noise});
        largest += static_cast<T>(largest_noise) * c.plan.noise;
    }
    return largest;
}

// Where the loss of a group of samples, from number r of the chunk, reads z and leaves its results.
template <class T>
void place_group(const Chunk<T>& c, int64_t l, const T* z, int64_t r, LossArguments<T>& group) {
    const int64_t row = c.plan.activity.row[at(l + 1)];
    group.z = z;
    group.z_row = row;
    group.delta = c.plan.delta[at(l)] + r * row;
    group.delta_row = row;
    group.delta_t = c.plan.delta_t[at(l)] + r;
    group.delta_t_row = c.plan.delta_t_row;
    group.scratch = c.scratch.outputs;
    group.losses = c.plan.losses + r;
    group.correct = &c.peaks.correct;
}

// Loss and delta of layer l, the last, for at most `lanes` samples from number r of the chunk. z null: delta_t holds it transposed.
template <class T>
void loss_of_group(const Chunk<T>& c, int64_t l, const T* z, int64_t r, int64_t samples) {
    const Targets<T>& own = c.context.targets;
    LossArguments<T> group = c.plan.mixup
                                 ? loss_group(c.kernels, c.parameters[l], c.plan.mixup.targets(own.weights != nullptr), nullptr, r, samples)
                                 : loss_group(c.kernels, c.parameters[l], own, c.order, c.first + r, samples);
    place_group(c, l, z, r, group);
    const HeadLosses<T>* const heads = c.context.heads;
    const T largest = heads ? (*heads)(group, c.order, c.first + r, c.plan.heads.losses.data(), r, c.peaks.correct_by_head.data())
                            : c.context.loss(group);
    c.peaks.delta[at(l)] = std::max(c.peaks.delta[at(l)], largest);
}

}  // namespace fastmlp
