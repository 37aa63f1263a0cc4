#include "network/predict.h"

#include <algorithm>
#include <cmath>

#include "network/forward.h"
#include "network/spec.h"

namespace fastmlp {
namespace {

constexpr int64_t block_rows = 112;  // eight tiles of fourteen rows; a block's activations stay in the second-level cache

// The buffers of one member.
template <class T>
struct Workspace {
    Activity<T> activity;
    NonZeros<T> by_sample;
    MemberScratch<T> scratch;
    T* delta_t;  // (out x lanes): the loss kernel's columns
    T* losses;
};

// Takes every block of rows through the network and hands it to finish(block number, first row, rows, workspace).
template <class T, class Finish>
PassEnd for_each_block(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, bool apply_output_unit,
                       int threads, const Poll& poll, const Finish& finish) {
    const int64_t rows = std::min(inputs.count, block_rows), blocks = (inputs.count + block_rows - 1) / block_rows,
                  layers = parameters.layers();
    const double flops = step_flops(parameters, inputs.count) / 3;
    threads = static_cast<int>(std::min<int64_t>(team_size(flops, threads), blocks));

    const bool skips = mostly_zeros(inputs, parameters[0].in);
    const NonZeros<T> dense;
    std::vector<Workspace<T>> workspaces(static_cast<std::size_t>(threads));
    const Arena memory = place([&](Arena& in) {
        for (Workspace<T>& own : workspaces) {
            own.activity.take(in, parameters, rows);
            if (skips) own.by_sample.take(in, rows, parameters[0].in);
            own.scratch.take(in, parameters, rows, false);
            own.delta_t = in.take<T>(checked_product(parameters[layers - 1].out, largest_lanes));
            own.losses = in.take<T>(block_rows + largest_lanes);
        }
    });

    Interruption interruption(poll);
    std::atomic<bool> finite{true};
    run_team(threads, [&](const Member& member) {
        Workspace<T>& own = workspaces[static_cast<std::size_t>(member.index)];
        const Member alone{0, 1, nullptr};
        for (int64_t block = member.index; block < blocks; block += member.count) {
            if (member.leads() ? interruption.asked() : interruption.requested.load(std::memory_order_relaxed)) return;
            const int64_t first = block * block_rows, count = std::min(block_rows, inputs.count - first);
            const T largest = gather_rows(kernels, inputs, nullptr, first, {0, count}, parameters[0].in, own.activity);
            if (!std::isfinite(largest)) finite = false;
            if (skips) kernels.compress_rows(own.by_sample.lists(0, count, parameters[0].in, own.activity.y[0], own.activity.row[0]));
            for (int64_t l = 0; l < layers; ++l) {
                const bool plain = l + 1 == layers && (!apply_output_unit || is_rowwise(parameters[l].activation));
                const int activation = plain ? IdOf<Identity, Activations>::value : parameters[l].activation;
                forward_layer(kernels, parameters[l], activation, count, own.activity, l, l == 0 ? own.by_sample : dense, own.scratch.tile,
                              alone, [] { return false; });
            }
            finish(block, first, count, own);
        }
    });
    if (interruption.requested) return PassEnd::interrupted;
    return finite ? PassEnd::complete : PassEnd::input_not_finite;
}

}  // namespace

template <class T>
PassEnd predict(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, T* outputs, int threads,
                const Poll& poll) {
    const Layer<T>& last = parameters[parameters.layers() - 1];
    const bool softmax = is_rowwise(last.activation);
    return for_each_block(kernels, parameters, inputs, true, threads, poll, [&](int64_t, int64_t first, int64_t rows, Workspace<T>& own) {
        T* const y = own.activity.y.back();
        const int64_t row = own.activity.row.back();
        if (softmax) kernels.softmax(rows, last.out, y, row, own.scratch.outputs);
        for (int64_t i = 0; i < rows; ++i) std::copy(y + i * row, y + i * row + last.out, outputs + (first + i) * last.out);
    });
}

template <class T>
PassEnd evaluate(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, const Targets<T>& targets, int loss,
                 int threads, const Poll& poll, Tally& tally) {
    const Layer<T>& last = parameters[parameters.layers() - 1];
    // One tally a block, joined in order: the sum does not depend on who computed which block.
    std::vector<Tally> blocks(static_cast<std::size_t>((inputs.count + block_rows - 1) / block_rows));
    const PassEnd end = for_each_block(
        kernels, parameters, inputs, false, threads, poll, [&](int64_t block, int64_t first, int64_t rows, Workspace<T>& own) {
            Tally& sum = blocks[static_cast<std::size_t>(block)];
            for (int64_t r = 0; r < rows; r += kernels.lanes) {
                LossArguments<T> group = loss_group<T>(targets, nullptr, first + r, std::min<int64_t>(kernels.lanes, rows - r));
                group.outputs = last.out;
                group.z = own.activity.y.back() + r * own.activity.row.back();
                group.z_row = own.activity.row.back();
                group.delta_t = own.delta_t;
                group.delta_t_row = kernels.lanes;
                group.scratch = own.scratch.outputs;
                group.losses = own.losses + r;
                group.correct = &sum.correct;
                kernels.loss[loss][last.activation](group);
            }
            for (int64_t i = 0; i < rows; ++i) sum.loss_sum += static_cast<double>(own.losses[i]);
            sum.samples = rows;
        });
    if (end != PassEnd::complete) return end;
    for (const Tally& block : blocks) {
        tally.loss_sum += block.loss_sum;
        tally.correct += block.correct;
        tally.samples += block.samples;
    }
    return end;
}

template PassEnd predict(const KernelTable<float>&, const Parameters<float>&, const Inputs&, float*, int, const Poll&);
template PassEnd predict(const KernelTable<double>&, const Parameters<double>&, const Inputs&, double*, int, const Poll&);
template PassEnd evaluate(const KernelTable<float>&, const Parameters<float>&, const Inputs&, const Targets<float>&, int, int, const Poll&,
                          Tally&);
template PassEnd evaluate(const KernelTable<double>&, const Parameters<double>&, const Inputs&, const Targets<double>&, int, int,
                          const Poll&, Tally&);

}  // namespace fastmlp
