// A loss that is computed outside of the engine, between forward and backward: the leader hands over the outputs of a chunk and gets
// the samples' losses and dL/dy; all else of the step is as always.
#pragma once

#include <functional>

#include "network/parameters.h"
#include "runtime/arena.h"

namespace fastmlp {

// What is handed over, for samples order[0 ... rows - 1] (null: first, first + 1, ...).
template <class T>
struct CustomLossCall {
    int64_t rows, outputs;
    const T* y;  // (rows x outputs), ld = y_row: after the output unit
    int64_t y_row;
    const int64_t* order;
    int64_t first;
    T* losses;    // (rows): out
    T* gradient;  // (rows x outputs): out, of each sample's own loss by its outputs
};

template <class T>
struct CustomLoss {
    using Compute = std::function<bool(const CustomLossCall<T>&)>;  // false: the epoch ends here; must not throw

    CustomLoss(const Parameters<T>& parameters, int64_t rows, Compute compute_);

    Compute compute;
    T* y;  // (rows x outputs), ld = y_row
    int64_t y_row;
    T *losses, *gradient;
    T* zeros;             // a bias (outputs)
    bool failed = false;  // written by the leader before a barrier, read by all after it

private:
    Arena memory_;
};

template <class T>
struct Chunk;

// The loss of a chunk whose outputs stand before their unit. False: the step is left.
template <class T>
bool custom_loss(const Chunk<T>& chunk);

}  // namespace fastmlp
