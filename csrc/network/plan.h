// Every buffer of a step, named once. Nothing is allocated after the plan is made.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "gemm/skip.h"
#include "network/augment.h"
#include "network/average.h"
#include "network/clipping.h"
#include "network/compact.h"
#include "network/dropout.h"
#include "network/fast_ways.h"
#include "network/full_batch.h"
#include "network/mixup.h"
#include "network/optimizer.h"
#include "network/samples.h"
#include "network/structured_activity.h"
#include "runtime/pace.h"
#include "runtime/team.h"

namespace fastmlp {

// The activations of some rows: what forward writes. y[0] holds the inputs, y[l] the outputs of layer l.
template <class T>
struct Activity {
    std::vector<T*> y;            // (rows x width), ld = row[l]
    std::vector<T*> slope;        // f'(z) beside y[l], where a step goes and the activation keeps it; else null
    std::vector<T*> by_constant;  // df/dc beside it, where the constant c is learned; going back, times dL/dy[l]
    std::vector<int64_t> row;

    const T* slope_source(int64_t l) const {
        const auto i = static_cast<std::size_t>(l);
        return slope[i] ? slope[i] : y[i];
    }
    void take(Arena& in, const Parameters<T>& parameters, int64_t rows) { take(in, parameters, rows, padded<T>(parameters[0].in)); }
    void take(Arena& in, const Parameters<T>& parameters, int64_t rows, int64_t input_row) {
        y.clear();
        row.clear();
        for (int64_t l = 0; l <= parameters.layers(); ++l) {
            row.push_back(l == 0 ? input_row : padded<T>(parameters[l - 1].out));
            y.push_back(in.take<T>(checked_product(rows, row.back())));
        }
        slope.assign(y.size(), nullptr);
        by_constant = slope;
    }
};

// What one member of the team keeps for itself.
template <class T>
struct MemberScratch {
    TileScratch<T> tile;
    T* strip = nullptr;  // a piece of a product that skips zeros; only where one does
    T* outputs;          // (3 x outputs x lanes), for the loss and softmax

    // batch: rows that go through the network together
    void take(Arena& in, const Parameters<T>& parameters, int64_t batch, bool skips) {
        tile.tile = in.take<T>(TileScratch<T>::tile_size);
        int64_t widest = batch;
        for (int64_t l = 0; l < parameters.layers(); ++l) widest = std::max({widest, parameters[l].in, parameters[l].out});
        if (allowed().packing && packing_pays<T>(widest, widest)) {  // tile by tile it may still not pay
            tile.panel_k = widest;
            tile.panel = in.take<T>(checked_product(widest, TileScratch<T>::tile_row));
        }
        if (skips) strip = in.take<T>(skip_rows * largest_skipping_vectors * largest_lanes);
        outputs = in.take<T>(checked_product(3 * largest_lanes, parameters[parameters.layers() - 1].out));
    }
};

// The largest magnitudes that one member has seen in this step; they prove that an update stays finite (step.cpp).
template <class T>
struct alignas(64) Peaks {
    std::vector<T> y, delta;  // by layer: its inputs, its delta
    std::vector<T> extra;     // by layer: what one sample adds to a gradient of its extras; empty where there are none
    T parameters = 0;         // weights and states after the last update
    int64_t correct = 0;
    std::vector<int64_t> correct_by_head;
};

// What each head's own loss has come to.
template <class T>
struct HeadResults {
    std::vector<T*> losses;    // [head] (chunk)
    std::vector<double> sums;  // [head], of a step
};

// What products of mixed precision read (mixed.cpp): pairs of rounded factors, along rows or down columns.
struct MixedFactors {
    const PairKernels* kernels;          // null: products of T
    std::vector<Pair*> y_along, y_down;  // [l]: inputs of layer l, (chunk x in/2) and (chunk/2 x in)
    std::vector<Pair*> w_along, w_down;  // (in x out/2), but not of the lowest layer; (in/2 x out), ld = weight_row
    std::vector<Pair*> delta_down;       // (chunk/2 x out)
    std::vector<Pair*> delta_t;          // its transpose down its columns, (out/2 x chunk), ld = delta_t_row; not of the lowest
    std::vector<Pair*> slope_down;       // beside y_down, where the activation keeps its slope; else null
    std::vector<float*> slope_tile;      // a member's, before it is rounded
    std::vector<int64_t> along_row, w_along_row;

    const Pair* slope_source(int64_t l) const {
        const auto i = static_cast<std::size_t>(l);
        return slope_down[i] ? slope_down[i] : y_down[i];
    }
};

// What the caller decides about a plan.
struct PlanChoices {
    int64_t batch;  // the largest
    const UpdateRule& rule;
    int lanes;                  // as of the kernel table
    int threads;                // the largest team
    bool mostly_zeros = false;  // the inputs
    DropoutChoices dropout{};
    AugmentOptions augmentation{};
    double mixup = 0;                    // alpha of the shares in which samples are mixed; 0: they are not
    double noise = 0;                    // standard deviation of what is added to the inputs
    double max_norm = 0;                 // length of a hidden unit's incoming weights; 0: no limit
    uint64_t seed = 0;                   // of dropout, augmentation, mixup and noise
    const PairKernels* pairs = nullptr;  // for mixed precision
    bool custom_loss = false;            // reads outputs as rows
    std::optional<double> ema_decay{};   // of an average of the parameters; none: none is kept
};

template <class T>
struct StepPlan {
    int64_t batch;      // the largest batch
    int64_t chunk;      // rows that go through the network at a time: the batch, or a part of a very large one
    bool fused;         // update each tile of W as soon as its gradient is complete, without storing the gradient
    bool long_step;     // ask for interruptions inside a step too: it may take longer than their answer
    FastWays ways;      // those that are taken
    int most_skipping;  // the largest team that gains by skipping zeros: its members exchange their lists
    bool updates_some;  // an update leaves out weights whose gradient is zero

    Activity<T> activity;
    StructuredActivity<T> structured;
    NonZeros<T> by_sample, by_feature;  // of the inputs, for forward and for the weight gradient; empty where zeros are not skipped
    std::vector<FewRows<T>> few;        // [l]: inputs of layer l; only where samples are few
    Augmentation<T> augmentation;
    Mixup<T> mixup;
    Dropout<T> dropout;
    T noise, max_norm;
    uint64_t seed;
    Compaction<T> compaction;  // only where inputs are compacted
    MixedFactors mixed;
    std::vector<T*> y_t;      // the activations transposed, (width x chunk), ld = delta_t_row; only where narrow, instead of activity.y
    std::vector<T*> slope_t;  // beside y_t, where the activation keeps its slope; else null
    std::vector<T*> delta;    // [l]: dL/dz of layer l, (chunk x out), ld = that of activity.y[l + 1]
    std::vector<T*> delta_t;  // its transpose (out x chunk), ld = delta_t_row; null where no layer below needs it
    int64_t delta_t_row;
    std::vector<T*> gradient;                     // (in x out), ld = weight_row; only where not fused
    std::vector<T*> bias_gradient;                // (out)
    std::vector<std::vector<T*>> extra_gradient;  // [l][e], as the tensor; null where that is not trained
    OptimizerState<T> optimizer;
    WeightAverage<T> average;
    Clipping<T> clipping;
    std::unique_ptr<FullBatch<T>> full_batch;  // null: mini-batches and an optimizer
    T* losses;                                 // (chunk)
    HeadResults<T> heads;                      // empty where there are none
    std::vector<MemberScratch<T>> scratch;     // as many as the largest team
    std::vector<Peaks<T>> peaks;
    Pace pace;  // how large a team pays

    StepPlan(const Parameters<T>& parameters, const PlanChoices& choices);

private:
    void take(Arena& in, const Parameters<T>& parameters, const PlanChoices& choices);
    void take_slopes(Arena& in, const Parameters<T>& parameters, const DropoutChoices& drops);
    void take_mixed(Arena& in, const Parameters<T>& parameters);
    Arena memory_;
};

// How many threads a step should have at most.
template <class T>
int step_team(const Parameters<T>& parameters, int64_t batch, int wanted);

// Floating-point operations of one step: 6 per weight and sample, 4 in the first layer, which passes no gradient down.
template <class T>
double step_flops(const Parameters<T>& parameters, int64_t batch);

}  // namespace fastmlp
