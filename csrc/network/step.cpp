// A step as the lectures write it (G2, G6, N3), for a batch of samples held row by row:
//
//   gather    y[0] = the batch
//   forward   y[l+1] = f(y[l] W[l] + b[l])
//   loss      delta[L-1] = dL/dz of the output
//   backward  delta[l-1] = (delta[l] W[l]^T) * f'(z[l-1])
//   update    W[l], b[l] by the optimizer, from the gradients y[l]^T delta[l] / batch and sum(delta[l]) / batch
//
// All deltas exist before the first parameter changes: so a step can be refused whole, and the products of all layers' updates
// follow each other without a barrier.
#include "network/step.h"

#include <algorithm>
#include <type_traits>

#include "network/average.h"
#include "network/backward.h"
#include "network/chunk.h"
#include "network/commit.h"
#include "network/compact.h"
#include "network/dropout.h"
#include "network/extras.h"
#include "network/few.h"
#include "network/forward.h"
#include "network/mixed.h"
#include "network/narrow.h"
#include "network/norms.h"
#include "network/structured.h"
#include "network/structured_back.h"
#include "network/ties.h"
#include "network/update.h"

namespace fastmlp {
namespace {

template <class T>
void gather(const Chunk<T>& c) {
    const int64_t features = c.parameters[0].in, row = c.plan.activity.row[0];
    T* const x = c.plan.ways.compacting ? c.plan.compaction.gathered : c.plan.activity.y[0];
    const Range mine = c.my_samples(), columns = c.my_features();
    T largest = gather_inputs(c, x);
    if (c.plan.dropout) largest *= drop_inputs(c, x);
    c.peaks.y[0] = std::max(c.peaks.y[0], largest);
    if (c.plan.ways.compacting) leave_out_zeros(c);
    const bool skips = c.skips_zeros();
    if (skips) c.kernels.compress_rows(c.plan.by_sample.lists(mine.begin, mine.size(), features, x + mine.begin * row, row));
    prefetch_rows(c.context.inputs, c.order, c.first + c.rows + mine.begin, mine.size(), features);  // of the next chunk
    c.member.wait();
    // Read after other barriers, by the update.
    if (skips) c.kernels.compress_columns(c.plan.by_feature.lists(columns.begin, c.rows, columns.size(), x + columns.begin, row));
}

template <class T>
void forward(const Chunk<T>& c) {
    const Activity<T>& activity = c.plan.activity;
    const NonZeros<T> dense;
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<T>& layer = c.layer(l);
        const bool last = l + 1 == c.parameters.layers();
        // The output stops at z: its unit belongs to the loss.
        const int activation = last ? IdOf<Identity, Activations>::value : layer.activation;
        const NonZeros<T>& lists = l == 0 && c.skips_zeros() ? c.plan.by_sample : dense;
        T growth = 1;
        const auto then = [&](const Range& samples, const Range& units, T* y, int64_t y_row) {
            if (c.plan.dropout && !last) growth = drop_outputs(c, l + 1, samples, units, y, y_row);
        };
        const auto stop = [&c] { return c.leaves(); };
        const T largest =
            layer.structure.any()
                ? forward_structured({c.kernels, layer, l, c.rows, activity, c.plan.structured, c.scratch.tile, c.member}, activation,
                                     lists, then, stop)
                : forward_layer(c.kernels, layer, activation, c.rows, activity, l, lists, c.scratch.tile, c.member, then, stop);
        if (!last) c.peaks.y[at(l + 1)] = std::max(c.peaks.y[at(l + 1)], growth * largest);
        c.member.wait();
    }
}

template <class T>
void loss(const Chunk<T>& c) {
    const int64_t l = c.parameters.layers() - 1, z_row = c.plan.activity.row[at(l + 1)];
    const Range mine = c.my_samples();
    const T* const z = c.plan.activity.y[at(l + 1)];
    for (int64_t r = mine.begin; r < mine.end; r += c.kernels.lanes)
        loss_of_group(c, l, z + r * z_row, r, std::min<int64_t>(c.kernels.lanes, mine.end - r));
    c.member.wait();
}

// The product is made as W delta^T, whose rows are features: both factors are then read along their rows, and the tile is
// transposed while it is multiplied by the slope.
template <class T>
void backward_layer(const Chunk<T>& c, int64_t l) {
    const Layer<T>& layer = c.parameters[l];
    const Product<T> product{layer.out, layer.weight, layer.weight_row, 1, c.plan.delta_t[at(l)], c.plan.delta_t_row, 1, nullptr, 0};
    const Share share = share_of(layer.in, line_bytes / static_cast<int64_t>(sizeof(T)), c.rows, c.panel(), c.member);
    const TimesSlope<T> times_slope{c, l, c.plan.delta[at(l - 1)], c.plan.delta_t[at(l - 1)]};
    T largest = 0;
    multiply(
        c.kernels, product, share, c.scratch.tile,
        [&](const Range& features, const Range& samples, const T* tile, int64_t tile_row) {
            largest = std::max(largest, times_slope(features, samples, tile, tile_row));
        },
        [&c] { return c.leaves(); });
    c.peaks.delta[at(l - 1)] = std::max(c.peaks.delta[at(l - 1)], largest);
}

template <class T>
void backward(const Chunk<T>& c) {
    for (int64_t l = c.parameters.layers() - 1; l >= 1; --l) {
        if (c.plan.structured && comes_back_structured(c, l))
            backward_structured(c, l);
        else
            backward_layer(c, l);
        c.member.wait();
    }
}

// Up to here the plain way; where others fit better, they tell the same story (mixed.cpp, narrow.cpp, few.cpp).
template <class T>
void pass(const Chunk<T>& c) {
    if constexpr (std::is_same_v<T, float>)
        if (c.plan.mixed.kernels) return pass_mixed(c);
    if (c.plan.ways.narrow) return pass_narrow(c);
    const bool few = c.plan.ways.few;
    gather(c);
    few ? forward_few(c) : forward(c);
    if (c.context.custom == nullptr)
        loss(c);
    else if (!custom_loss(c))
        return;
    few ? backward_few(c) : backward(c);
}

template <class T>
void gradients(const Chunk<T>& c, bool fused, int64_t batch) {
    if constexpr (std::is_same_v<T, float>)
        if (c.plan.mixed.kernels) return weight_gradients_mixed(c, fused, batch);
    if (c.plan.ways.few && c.plan.updates_some) return update_few(c, batch);
    weight_gradients(c, fused, batch);
}

// Not inlined: in the middle of a step the sum would live in memory, which a step of a few samples feels.
template <class T>
[[gnu::noinline]] double add_in_order(const T* losses, int64_t count, double sum) {
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(losses[i]);
    return sum;
}

template <class T>
void reset(Peaks<T>& peaks) {
    std::fill(peaks.y.begin(), peaks.y.end(), T(0));
    std::fill(peaks.delta.begin(), peaks.delta.end(), T(0));
    std::fill(peaks.extra.begin(), peaks.extra.end(), T(0));
    peaks.correct = 0;
    std::fill(peaks.correct_by_head.begin(), peaks.correct_by_head.end(), 0);
}

// By the leader, of a chunk whose losses are complete.
template <class T>
void add_heads(HeadResults<T>& heads, int64_t rows, bool continues) {
    for (std::size_t h = 0; h < heads.sums.size(); ++h)
        heads.sums[h] = add_in_order(heads.losses[h], rows, continues ? heads.sums[h] : 0.0);
}

template <class T>
void enter_heads(const StepPlan<T>& plan, int members, Tally& tally) {
    for (std::size_t h = 0; h < plan.heads.sums.size(); ++h) {
        tally.heads[h].loss_sum += plan.heads.sums[h];
        for (int m = 0; m < members; ++m) tally.heads[h].correct += plan.peaks[static_cast<std::size_t>(m)].correct_by_head[h];
    }
}

}  // namespace

template <class T>
StepResult step(const StepContext<T>& context, const int64_t* order, int64_t first, int64_t batch, const Member& member,
                Interruption& interruption, Tally& tally) {
    StepPlan<T>& plan = context.plan;
    reset(plan.peaks[static_cast<std::size_t>(member.index)]);
    double loss_sum = 0;

    for (int64_t done = 0; done < batch; done += plan.chunk) {
        const Chunk<T> chunk{context, member, interruption, order, first + done, std::min(plan.chunk, batch - done), done > 0};
        pass(chunk);
        if (context.custom && context.custom->failed) return StepResult::abandoned;
        if (member.leads()) loss_sum = add_in_order(plan.losses, chunk.rows, loss_sum);
        if (member.leads()) add_heads(plan.heads, chunk.rows, chunk.continues);
        if (!plan.fused) gradients(chunk, false, batch);
        if (!context.parameters.plain) extra_gradients(chunk);
        if (member.leads()) interruption.abandon_step = plan.long_step && interruption.requested.load(std::memory_order_relaxed);
        if (plan.long_step || !plan.fused) member.wait();
        if (plan.long_step && interruption.abandon_step) return StepResult::abandoned;
    }

    if (!stays_finite(context, batch)) return StepResult::not_finite;
    if (!context.parameters.plain) join_transposed(context, member);
    int64_t correct = 0;
    for (const Peaks<T>& peaks : plan.peaks) correct += peaks.correct;
    if (plan.clipping.by_norm) sum_squares(context, member);
    if (member.leads()) {
        if (plan.clipping.by_norm) plan.clipping.set_factor(plan.optimizer.rule.clip_norm, batch);
        plan.optimizer.next_step();
        if (plan.structured) remember_batch(context, batch);
        if (plan.dropout) plan.dropout.set_step(plan.optimizer.steps);
    }
    member.wait();  // all have read the peaks that the update is about to replace

    if (plan.fused)
        gradients(Chunk<T>{context, member, interruption, order, first, batch, false}, true, batch);
    else
        update_from_stored(context, batch, member);
    if (!context.parameters.plain) update_extras(context, batch, member);
    if (plan.max_norm > 0) {
        member.wait();
        limit_norms(context, member);
    }
    if (plan.average.decay) average_parameters(context, member);
    if (member.leads()) {
        tally.loss_sum += loss_sum;
        tally.correct += correct;
        tally.samples += batch;
        enter_heads(plan, member.count, tally);
    }
    return StepResult::committed;
}

template <class T>
bool loss_and_gradients(const StepContext<T>& context, int64_t samples, const Member& member, Interruption& interruption, Tally& tally) {
    StepPlan<T>& plan = context.plan;
    reset(plan.peaks[static_cast<std::size_t>(member.index)]);
    double loss_sum = 0;
    for (int64_t done = 0; done < samples; done += plan.chunk) {
        const Chunk<T> chunk{context, member, interruption, nullptr, done, std::min(plan.chunk, samples - done), done > 0};
        pass(chunk);
        if (context.custom && context.custom->failed) return false;
        if (member.leads()) loss_sum = add_in_order(plan.losses, chunk.rows, loss_sum);
        if (member.leads()) add_heads(plan.heads, chunk.rows, chunk.continues);
        gradients(chunk, false, samples);
        if (!context.parameters.plain) extra_gradients(chunk);
        if (member.leads()) interruption.abandon_step = interruption.asked();
        member.wait();
        if (interruption.abandon_step) return false;
    }
    if (!member.leads()) return true;
    tally = {loss_sum, 0, samples, std::vector<HeadTally>(plan.heads.sums.size())};
    enter_heads(plan, member.count, tally);
    for (int m = 0; m < member.count; ++m) tally.correct += plan.peaks[static_cast<std::size_t>(m)].correct;
    return true;
}

template StepResult step(const StepContext<float>&, const int64_t*, int64_t, int64_t, const Member&, Interruption&, Tally&);
template StepResult step(const StepContext<double>&, const int64_t*, int64_t, int64_t, const Member&, Interruption&, Tally&);
template bool loss_and_gradients(const StepContext<float>&, int64_t, const Member&, Interruption&, Tally&);
template bool loss_and_gradients(const StepContext<double>&, int64_t, const Member&, Interruption&, Tally&);

}  // namespace fastmlp
