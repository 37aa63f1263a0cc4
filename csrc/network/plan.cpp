#include "network/plan.h"

#include <algorithm>

#include "network/mask.h"
#include "network/mixed.h"
#include "network/narrow.h"

namespace fastmlp {
namespace {

constexpr int64_t largest_chunk = 1024;  // rows; bounds the memory of a step for any batch

// Seconds that a step takes at worst: a thread makes at least this much of a lane's peak on the CPUs that have such lanes.
constexpr double least_flops_a_lane = 6e9;
constexpr double long_step_seconds = 0.03;           // from here on a step can be left in the middle
constexpr double longest_fused_step_seconds = 0.12;  // a third of it is the update, which cannot

// What one thread does for a few samples (few.h) was faster than two on any network for one sample, and for four up to 1024-1024-1024.
constexpr double most_weights_alone = 3e6;

// A list of a feature must be long enough to pay for its making and for the mispredicted branch at its end: with batches of ten
// 784-30-10 lost 10 %.
constexpr int64_t fewest_skipped_samples = 32;
// Members of a team exchange their lists, which must not outweigh the work that these save: 784-128-10 lost 10 % on two threads.
constexpr int64_t fewest_columns_each = 128;

template <class T>
bool normalizes_batches(const Parameters<T>& parameters) {
    for (int64_t l = 0; l < parameters.layers(); ++l)
        if (parameters[l].structure.normalization().over == Over::samples) return true;
    return false;
}

// Each update rounds what it has changed; before the first, all.
void round_all(const Parameters<float>& parameters, const StepPlan<float>& plan) {
    if (plan.mixed.kernels == nullptr) return;
    for (int64_t l = 0; l < parameters.layers(); ++l)
        round_weights(parameters[l], plan.mixed, l, {0, parameters[l].in}, {0, parameters[l].out});
}
void round_all(const Parameters<double>&, const StepPlan<double>&) {}

}  // namespace

template <class T>
double step_flops(const Parameters<T>& parameters, int64_t batch) {
    double weights = 0;
    for (int64_t l = 0; l < parameters.layers(); ++l)
        weights += (l == 0 ? 4.0 : 6.0) * static_cast<double>(parameters[l].in) * static_cast<double>(parameters[l].out);
    return weights * static_cast<double>(batch);
}

template <class T>
int step_team(const Parameters<T>& parameters, int64_t batch, int wanted) {
    const double flops = step_flops(parameters, batch), weights = flops / (6.0 * static_cast<double>(batch));
    const bool alone = batch == 1 || (batch <= largest_few_rows && weights < most_weights_alone);
    return team_size(flops, alone && allowed().few ? 1 : wanted);
}

template <class T>
StepPlan<T>::StepPlan(const Parameters<T>& parameters, const PlanChoices& choices)
    : batch(choices.batch),
      chunk(normalizes_batches(parameters) ? batch : std::min(batch, largest_chunk)),
      optimizer(choices.rule, parameters.layers()),
      average{choices.ema_decay, {}, {}, {}},
      pace(choices.threads) {
    const int threads = choices.threads, lanes = choices.lanes;
    mixed.kernels = choices.pairs;
    const double seconds = step_flops(parameters, batch) / (least_flops_a_lane * lanes * threads);
    if (choices.rule.full_batch) full_batch = std::make_unique<FullBatch<T>>(FullBatch<T>{Descent<T>(*choices.rule.full_batch)});
    long_step = seconds > long_step_seconds || full_batch;
    clipping.by_norm = choices.rule.clip_norm != 0;  // of all gradients, before the first parameter changes
    clipping.value = static_cast<T>(choices.rule.clip_value);
    fused = chunk == batch && seconds < longest_fused_step_seconds && !clipping.by_norm && !full_batch && !parameters.ties();
    const bool full_precision = mixed.kernels == nullptr;
    const bool drops = choices.dropout.any();
    ways.few = allowed().few && parameters.plain && full_precision && !drops && fused && threads == 1 && batch <= largest_few_rows;
    const bool changes = drops || choices.augmentation.any() || choices.mixup > 0 || choices.noise > 0;
    ways.narrow = allowed().narrow && parameters.plain && full_precision && !changes && !ways.few && !choices.custom_loss &&
                  is_narrow(parameters, batch, lanes);
    const bool zeros = choices.mostly_zeros && choices.noise == 0;
    const bool partial = optimizer.keeps_without_gradient() && choices.max_norm == 0;  // a weight without gradient stays as it is
    const bool plain = full_precision && !ways.narrow && !ways.few;
    const bool whole = !has_masks(parameters);  // what is updated without a stored tile knows of no mask
    ways.skipping = allowed().skipping && plain && zeros && chunk >= fewest_skipped_samples;
    most_skipping = static_cast<int>(std::max<int64_t>(1, parameters[0].out / fewest_columns_each));
    ways.compacting = allowed().compacting && !parameters.is_structured() && plain && fused && zeros && threads == 1 && !ways.skipping &&
                      compacting_pays(parameters[0]) && partial && whole;
    updates_some = ways.compacting || (ways.few && partial && optimizer.is_plain());
    ways.updating = allowed().updating && plain && whole && fused && optimizer.is_plain();
    scratch.resize(static_cast<std::size_t>(threads));
    peaks.resize(static_cast<std::size_t>(threads));
    for (Peaks<T>& member : peaks) {
        member.y.resize(static_cast<std::size_t>(parameters.layers()));
        member.delta.resize(static_cast<std::size_t>(parameters.layers()));
        member.extra.resize(parameters.plain ? 0 : static_cast<std::size_t>(parameters.layers()));
        member.correct_by_head.resize(parameters.heads().size());
    }
    heads.sums.resize(parameters.heads().size());
    memory_ = place([&](Arena& in) { take(in, parameters, choices); });
    augmentation.seed = mixup.seed = dropout.seed = seed = choices.seed;
    noise = static_cast<T>(choices.noise);
    max_norm = static_cast<T>(choices.max_norm);
    ways.packing = full_precision && scratch[0].tile.panel != nullptr;
    round_all(parameters, *this);
    peaks[0].parameters = parameters.largest_magnitude();
}

template <class T>
void StepPlan<T>::take(Arena& in, const Parameters<T>& parameters, const PlanChoices& choices) {
    const auto layers = static_cast<std::size_t>(parameters.layers());
    for (auto* buffers : {&delta, &delta_t, &gradient, &bias_gradient}) buffers->assign(layers, nullptr);
    extra_gradient.assign(layers, {});
    delta_t_row = padded<T>(chunk);
    if (ways.compacting) {
        const int64_t row = compact_row<T>(parameters[0].in);
        activity.take(in, parameters, chunk, row);
        compaction.take(in, parameters[0], activity.y[0], chunk, row);
    } else {
        activity.take(in, parameters, ways.narrow ? 0 : chunk);
    }
    y_t.assign(ways.narrow ? layers : 0, nullptr);
    for (std::size_t l = 0; l < y_t.size(); ++l) y_t[l] = in.take<T>(checked_product(parameters[static_cast<int64_t>(l)].in, delta_t_row));
    take_slopes(in, parameters, choices.dropout);
    structured.take(in, parameters, chunk, delta_t_row);
    few.assign(ways.few ? layers : 0, {});
    for (std::size_t l = 0; l < few.size(); ++l) {
        few[l].x = activity.y[l];
        few[l].x_row = activity.row[l];
        few[l].index = in.take<int32_t>(few_rows_room(parameters[static_cast<int64_t>(l)].in));
    }
    if (choices.dropout.any()) dropout.take(in, parameters, choices.dropout, chunk);
    augmentation.take(in, choices.augmentation, choices.threads);
    mixup.take(in, choices.mixup, chunk, parameters[0].in, parameters[parameters.layers() - 1].out, choices.threads);
    if (ways.skipping) {
        by_sample.take(in, chunk, parameters[0].in);
        by_feature.take(in, parameters[0].in, chunk);
    }
    for (std::size_t l = 0; l < layers; ++l) {
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        const int64_t size = checked_product(layer.in, layer.weight_row);
        delta[l] = in.take<T>(checked_product(chunk, activity.row[l + 1]));
        // The lowest layer passes nothing down; the last one's loss works on the transpose.
        if (ways.narrow || l > 0 || l + 1 == layers) delta_t[l] = in.take<T>(checked_product(layer.out, delta_t_row));
        const auto owner = static_cast<std::size_t>(layer.owner);  // the gradients of all uses are summed
        if (!fused) gradient[l] = owner == l ? in.take<T>(size) : gradient[owner];
        bias_gradient[l] = owner == l ? in.take<T>(layer.weight_row) : bias_gradient[owner];
        for (const Extra<T>& extra : layer.extras) extra_gradient[l].push_back(extra.about.trained ? in.take<T>(extra.size()) : nullptr);
    }
    if (mixed.kernels) take_mixed(in, parameters);
    optimizer.take(in, parameters);
    average.take(in, parameters);
    if (clipping.by_norm) clipping.take(in, parameters);
    losses = in.take<T>(chunk + largest_lanes);
    heads.losses.assign(parameters.heads().size(), nullptr);
    for (T*& of_head : heads.losses) of_head = in.take<T>(chunk + largest_lanes);
    for (MemberScratch<T>& member : scratch) member.take(in, parameters, chunk, ways.skipping);
}

// Of the layers that have one above them: an output unit's slope stays within its loss.
template <class T>
void StepPlan<T>::take_slopes(Arena& in, const Parameters<T>& parameters, const DropoutChoices& drops) {
    slope_t.assign(y_t.size(), nullptr);
    mixed.slope_down.assign(activity.y.size(), nullptr);
    mixed.slope_tile.assign(scratch.size(), nullptr);
    bool any = false;
    for (int64_t l = 1; l < parameters.layers(); ++l) {
        const auto i = static_cast<std::size_t>(l);
        if (!keeps_slope(parameters[l - 1].activation)) continue;
        any = true;
        const bool as_float = drops.any() && drops.rates[i] > 0;  // what units are dropped of is passed back in full precision
        if (mixed.kernels && !as_float)
            mixed.slope_down[i] = in.take<Pair>(checked_product(pairs_of(chunk), activity.row[i]));
        else if (ways.narrow)
            slope_t[i] = in.take<T>(checked_product(parameters[l].in, delta_t_row));
        else
            activity.slope[i] = in.take<T>(checked_product(chunk, activity.row[i]));
        if (parameters[l - 1].learns) activity.by_constant[i] = in.take<T>(checked_product(chunk, activity.row[i]));
    }
    if (any && mixed.kernels)
        for (float*& tile : mixed.slope_tile) tile = in.take<float>(TileScratch<Pair>::tile_size);
}

template <class T>
void StepPlan<T>::take_mixed(Arena& in, const Parameters<T>& parameters) {
    for (auto* buffers : {&mixed.y_along, &mixed.y_down, &mixed.w_along, &mixed.w_down, &mixed.delta_down, &mixed.delta_t})
        buffers->clear();
    mixed.along_row.clear();
    mixed.w_along_row.clear();
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        const bool lowest = l == 0;
        mixed.along_row.push_back(padded<Pair>(pairs_of(layer.in)));
        mixed.w_along_row.push_back(padded<Pair>(pairs_of(layer.out)));
        mixed.y_along.push_back(in.take<Pair>(checked_product(chunk, mixed.along_row.back())));
        mixed.y_down.push_back(in.take<Pair>(checked_product(pairs_of(chunk), padded<Pair>(layer.in))));
        mixed.w_along.push_back(lowest ? nullptr : in.take<Pair>(checked_product(layer.in, mixed.w_along_row.back())));
        mixed.w_down.push_back(in.take<Pair>(checked_product(pairs_of(layer.in), layer.weight_row)));
        mixed.delta_down.push_back(in.take<Pair>(checked_product(pairs_of(chunk), padded<Pair>(layer.out))));
        mixed.delta_t.push_back(lowest && parameters.layers() > 1 ? nullptr
                                                                  : in.take<Pair>(checked_product(pairs_of(layer.out), delta_t_row)));
    }
}

template int step_team(const Parameters<float>&, int64_t, int);
template int step_team(const Parameters<double>&, int64_t, int);
template double step_flops(const Parameters<float>&, int64_t);
template double step_flops(const Parameters<double>&, int64_t);
template struct StepPlan<float>;
template struct StepPlan<double>;

}  // namespace fastmlp
