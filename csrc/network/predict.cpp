#include "network/predict.h"

#include <algorithm>
#include <cmath>

#include "network/forward.h"
#include "network/predict_few.h"
#include "network/sparse.h"
#include "network/spec.h"
#include "network/structured.h"
#include "runtime/arithmetic.h"

namespace fastmlp {
namespace {

constexpr int64_t block_rows = 112;           // eight tiles of fourteen rows; a block's activations stay in the second-level cache
constexpr double flops_worth_a_thread = 4e7;  // some 160 us: to wake one may take half of that

// Rows cut into blocks of at most block_rows, each a multiple of `quantum` but the last.
struct Blocks {
    int64_t rows, quantum, count;
    Range at(int64_t block) const { return part_of(rows, quantum, block, count); }
};

// As many for each member, all nearly of one size.
Blocks even_blocks(int64_t rows, int members) {
    const int64_t rounds = (rows + block_rows * members - 1) / (block_rows * members);
    return {rows, 1, rounds * members};
}

// The same for any team, since the losses of each block are summed by themselves.
Blocks whole_blocks(int64_t rows) { return {rows, block_rows, (rows + block_rows - 1) / block_rows}; }

template <class T>
int members_for(const Parameters<T>& parameters, int64_t rows, int wanted) {
    return static_cast<int>(std::min<int64_t>(team_size(forward_flops(parameters, rows), wanted, flops_worth_a_thread), rows));
}

template <class T>
typename Kept<BlockWorkspaces<T>>::Taken take_workspaces(Workspaces<T>& from, const Parameters<T>& parameters, int64_t rows, int members,
                                                         bool skips) {
    return from.blocks.take(
        [&](const BlockWorkspaces<T>& kept) {
            return kept.rows >= rows && kept.of_member.size() >= static_cast<std::size_t>(members) && kept.skips >= skips &&
                   kept.sparse >= (parameters.sparse != nullptr);
        },
        [&] { return std::make_unique<BlockWorkspaces<T>>(parameters, rows, members, skips); });
}

// The layers of one block whose inputs are gathered; the output unit where the caller wants it and it works element by element.
template <class T>
void forward(const KernelTable<T>& kernels, const Parameters<T>& parameters, int64_t rows, bool apply_output_unit, bool skips,
             BlockWorkspace<T>& own) {
    if (parameters.sparse && parameters.sparse->many) return forward_sparse(kernels, parameters, rows, apply_output_unit, own);
    const Member alone{0, 1, nullptr};
    const NonZeros<T> dense;
    if (skips) kernels.compress_rows(own.by_sample.lists(0, rows, parameters[0].in, own.activity.y[0], own.activity.row[0]));
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const bool plain = l + 1 == parameters.layers() && (!apply_output_unit || is_rowwise(parameters[l].activation));
        const int activation = plain ? IdOf<Identity, Activations>::value : parameters[l].activation;
        const NonZeros<T>& lists = skips && l == 0 ? own.by_sample : dense;
        const auto then = [](const Range&, const Range&, T*, int64_t) {};
        const auto stop = [] { return false; };
        if (parameters[l].structure.any())
            forward_structured({kernels, parameters[l], l, rows, own.activity, own.structured, own.scratch.tile, alone}, activation, lists,
                               then, stop);
        else
            forward_layer(kernels, parameters[l], activation, rows, own.activity, l, lists, own.scratch.tile, alone, then, stop);
    }
}

// Takes every block through the network and hands it to finish(block number, rows, workspace). Who is free takes the next: on a
// machine that others use too, members are not equally fast.
template <class T, class Finish>
PassEnd for_each_block(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs,
                       const Blocks& blocks, bool apply_output_unit, int members, const Poll& poll, const Finish& finish) {
    const bool skips = allowed().skipping && mostly_zeros(inputs, parameters[0].in);
    const auto taken = take_workspaces(workspaces, parameters, std::min(inputs.count, block_rows), members, skips);
    Interruption interruption(poll);
    std::atomic<bool> finite{true};
    std::atomic<int64_t> next{0};
    run_team(members, [&](const Member& member) {
        BlockWorkspace<T>& own = taken->of_member[static_cast<std::size_t>(member.index)];
        for (int64_t block = next++; block < blocks.count; block = next++) {
            if (member.leads() ? interruption.asked() : interruption.requested.load(std::memory_order_relaxed)) return;
            const Range rows = blocks.at(block);
            const T largest = gather_rows(kernels, inputs, nullptr, rows.begin, {0, rows.size()}, parameters[0].in, own.activity.y[0],
                                          own.activity.row[0]);
            if (!std::isfinite(largest)) finite = false;
            forward(kernels, parameters, rows.size(), apply_output_unit, skips, own);
            finish(block, rows, own);
        }
    });
    if (interruption.requested) return PassEnd::interrupted;
    return finite ? PassEnd::complete : PassEnd::input_not_finite;
}

// The losses of a block whose outputs stand before their unit; lose(group, number of its first row in the block) computes those of
// some rows.
template <class T, class Lose>
Tally measure(const KernelTable<T>& kernels, const Layer<T>& last, const Targets<T>& targets, const Range& rows, BlockWorkspace<T>& own,
              const Lose& lose) {
    Tally tally;
    const int64_t z_row = own.activity.row.back();
    for (int64_t r = 0; r < rows.size(); r += kernels.lanes) {
        LossArguments<T> group =
            loss_group<T>(kernels, last, targets, nullptr, rows.begin + r, std::min<int64_t>(kernels.lanes, rows.size() - r));
        group.z = own.activity.y.back() + r * z_row;
        group.z_row = z_row;
        group.delta_t = own.delta_t;
        group.delta_t_row = kernels.lanes;
        group.scratch = own.scratch.outputs;
        group.losses = own.losses + r;
        group.correct = &tally.correct;
        lose(group, r);
    }
    for (int64_t i = 0; i < rows.size(); ++i) tally.loss_sum += static_cast<double>(own.losses[i]);
    tally.samples = rows.size();
    return tally;
}

// One tally a block, joined in order: the sum does not depend on who computed which block.
template <class T, class Measure>
PassEnd tally_blocks(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs,
                     int threads, const Poll& poll, Tally& tally, const Measure& measure_block) {
    const Blocks blocks = whole_blocks(inputs.count);
    std::vector<Tally> tallies(static_cast<std::size_t>(blocks.count));
    const int members = static_cast<int>(std::min<int64_t>(members_for(parameters, inputs.count, threads), blocks.count));
    const PassEnd end = for_each_block(kernels, parameters, workspaces, inputs, blocks, false, members, poll,
                                       [&](int64_t block, const Range& rows, BlockWorkspace<T>& own) {
                                           tallies[static_cast<std::size_t>(block)] = measure_block(rows, own);
                                       });
    if (end != PassEnd::complete) return end;
    tally.heads.resize(parameters.heads().size());
    for (const Tally& block : tallies) {
        tally.loss_sum += block.loss_sum;
        tally.correct += block.correct;
        tally.samples += block.samples;
        for (std::size_t h = 0; h < tally.heads.size(); ++h) {
            tally.heads[h].loss_sum += block.heads[h].loss_sum;
            tally.heads[h].correct += block.heads[h].correct;
        }
    }
    return end;
}

// What a block has come to, head by head.
template <class T>
Tally measure_heads(const KernelTable<T>& kernels, const Layer<T>& last, const HeadLosses<T>& losses, const Range& rows,
                    BlockWorkspace<T>& own) {
    std::vector<int64_t> correct(losses.tasks.size(), 0);
    Tally tally = measure(kernels, last, Targets<T>{nullptr, nullptr, 0}, rows, own, [&](const LossArguments<T>& group, int64_t r) {
        losses(group, nullptr, rows.begin + r, own.losses_by_head.data(), r, correct.data());
    });
    for (std::size_t h = 0; h < correct.size(); ++h) {
        HeadTally head{0, correct[h]};
        for (int64_t i = 0; i < rows.size(); ++i) head.loss_sum += static_cast<double>(own.losses_by_head[h][i]);
        tally.heads.push_back(head);
    }
    return tally;
}

}  // namespace

template <class T>
double forward_flops(const Parameters<T>& parameters, int64_t rows) {
    double weights = 0;
    for (int64_t l = 0; l < parameters.layers(); ++l)
        weights += static_cast<double>(parameters[l].in) * static_cast<double>(parameters[l].out);
    return 2 * weights * static_cast<double>(rows);
}

template <class T>
PassEnd predict(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs, T* outputs,
                int threads, const Poll& poll) {
    if (inputs.count <= largest_few_rows && !parameters.is_structured()) {
        const auto own = workspaces.few.take([&](const auto& kept) { return kept.sparse >= (parameters.sparse != nullptr); },
                                             [&] { return std::make_unique<FewWorkspace<T>>(parameters); });
        const DefaultArithmetic arithmetic;
        return predict_few(kernels, parameters, inputs, *own, outputs) ? PassEnd::complete : PassEnd::input_not_finite;
    }
    const Layer<T>& last = parameters[parameters.layers() - 1];
    const bool softmax = is_rowwise(last.activation), heads = !parameters.heads().empty();
    const int members = members_for(parameters, inputs.count, threads);
    return for_each_block(kernels, parameters, workspaces, inputs, even_blocks(inputs.count, members), true, members, poll,
                          [&](int64_t, const Range& rows, BlockWorkspace<T>& own) {
                              T* const y = own.activity.y.back();
                              const int64_t row = own.activity.row.back();
                              if (softmax) kernels.softmax(rows.size(), last.out, y, row, own.scratch.outputs);
                              if (heads) apply_output_units(kernels, parameters.heads(), rows.size(), y, row, own.head);
                              for (int64_t i = 0; i < rows.size(); ++i)
                                  std::copy(y + i * row, y + i * row + last.out, outputs + (rows.begin + i) * last.out);
                          });
}

template <class T>
PassEnd evaluate(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs,
                 const Targets<T>& targets, const LossInUse<T>& loss, int threads, const Poll& poll, Tally& tally) {
    const Layer<T>& last = parameters[parameters.layers() - 1];
    return tally_blocks(kernels, parameters, workspaces, inputs, threads, poll, tally, [&](const Range& rows, BlockWorkspace<T>& own) {
        return measure(kernels, last, targets, rows, own, [&](LossArguments<T>& group, int64_t) { loss(group); });
    });
}

template <class T>
PassEnd evaluate_heads(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs,
                       const HeadLosses<T>& losses, int threads, const Poll& poll, Tally& tally) {
    const Layer<T>& last = parameters[parameters.layers() - 1];
    return tally_blocks(kernels, parameters, workspaces, inputs, threads, poll, tally,
                        [&](const Range& rows, BlockWorkspace<T>& own) { return measure_heads(kernels, last, losses, rows, own); });
}

template double forward_flops(const Parameters<float>&, int64_t);
template double forward_flops(const Parameters<double>&, int64_t);
template PassEnd predict(const KernelTable<float>&, const Parameters<float>&, Workspaces<float>&, const Inputs&, float*, int, const Poll&);
template PassEnd predict(const KernelTable<double>&, const Parameters<double>&, Workspaces<double>&, const Inputs&, double*, int,
                         const Poll&);
template PassEnd evaluate(const KernelTable<float>&, const Parameters<float>&, Workspaces<float>&, const Inputs&, const Targets<float>&,
                          const LossInUse<float>&, int, const Poll&, Tally&);
template PassEnd evaluate(const KernelTable<double>&, const Parameters<double>&, Workspaces<double>&, const Inputs&, const Targets<double>&,
                          const LossInUse<double>&, int, const Poll&, Tally&);
template PassEnd evaluate_heads(const KernelTable<float>&, const Parameters<float>&, Workspaces<float>&, const Inputs&,
                                const HeadLosses<float>&, int, const Poll&, Tally&);
template PassEnd evaluate_heads(const KernelTable<double>&, const Parameters<double>&, Workspaces<double>&, const Inputs&,
                                const HeadLosses<double>&, int, const Poll&, Tally&);

}  // namespace fastmlp
