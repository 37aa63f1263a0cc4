// Several heads on one trunk: the columns of the last layer are divided into tasks, each with an output unit and a loss of its own.
// The product is one; what follows it, the loss of training and the output units of prediction, goes by ranges of columns.
// R. Caruana, "Multitask Learning", Machine Learning 28, 1997.
#pragma once

#include <algorithm>
#include <vector>

#include "network/loss.h"
#include "network/parameters.h"
#include "network/samples.h"

namespace fastmlp {

// What one head learns.
template <class T>
struct HeadTask {
    LossInUse<T> loss;
    Targets<T> targets;  // with weights of its samples
    T weight;            // of its loss in the sum
};

// The losses of a network with heads, as a step or an evaluation uses them.
template <class T>
struct HeadLosses {
    const KernelTable<T>& kernels;
    const std::vector<HeadOutput<T>>& outputs;
    std::vector<HeadTask<T>> tasks;  // in the order of `outputs`

    // `group`: outputs before their units, and where delta and the losses of the sum go; its targets and unit are not looked at.
    // losses[h] + place: where each head's own, without its weight, go; correct[h] += samples that head h has right. Samples are
    // order[first] ... (null: first ...). Returns the largest magnitude of delta; infinity where a loss is not finite.
    T operator()(LossArguments<T> group, const int64_t* order, int64_t first, T* const* losses, int64_t place, int64_t* correct) const;
};

// A head's part of a block of outputs, by itself, for kernels that work on whole vectors.
template <class T>
struct HeadScratch {
    T* rows = nullptr;  // (lanes x units of the widest), ld = row; null where there are no heads
    int64_t row = 0;
    T* zeros = nullptr;    // a bias (row)
    T* softmax = nullptr;  // (units of the widest x lanes)

    void take(Arena& in, const std::vector<HeadOutput<T>>& heads) {
        if (heads.empty()) return;
        int64_t widest = 0;
        for (const HeadOutput<T>& head : heads) widest = std::max(widest, head.units);
        row = padded<T>(widest);
        rows = in.take<T>(checked_product(largest_lanes, row));
        zeros = in.take<T>(row);
        softmax = in.take<T>(checked_product(widest, largest_lanes));
    }
};

// y (rows x outputs) through the output unit of each head, in place.
template <class T>
void apply_output_units(const KernelTable<T>& kernels, const std::vector<HeadOutput<T>>& heads, int64_t rows, T* y, int64_t y_row,
                        const HeadScratch<T>& own);

}  // namespace fastmlp
