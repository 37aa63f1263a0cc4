// The rows that go through the network together, as one member of the team sees them.
#pragma once

#include "network/interruption.h"
#include "network/step.h"

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

    // Asked before each panel of a product: a long step may end inside, and is then abandoned whole.
    bool leaves() const {
        if (!plan.long_step) return false;
        return member.leads() ? interruption.asked() : interruption.requested.load(std::memory_order_relaxed);
    }
    Range my_samples() const { return part_of(rows, kernels.lanes, member.index, member.count); }
    int64_t panel() const { return static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes; }
};

}  // namespace fastmlp
