// A feature that is zero in every sample of a batch adds nothing to forward and has no gradient, so a step of plain SGD leaves its
// row of W as it is. The step may then be that of a network without these features: the inputs and the rows of W that it does have
// are copied close together, and the rows are put back when they have changed. The bits are the same. Of MNIST, half of the
// features are left out with batches of ten, four fifths with a single sample.
#pragma once

#include "kernels/kernel_table.h"
#include "network/parameters.h"

namespace fastmlp {

template <class T>
struct Chunk;

template <class T>
struct Compaction {
    T* gathered;        // (batch x in): the inputs with all features, ld as of the others
    T* kept;            // without those that are left out
    int32_t* places;    // which features are kept, in ascending order
    T* weight;          // their rows of W
    Layer<T> layer;     // the lowest layer as this step sees it
    int fruitless = 0;  // steps that left out too little, one after the other

    void take(Arena& in, const Layer<T>& lowest, T* inputs, int64_t batch, int64_t row);
};

// From one sample's inputs to the next: a vector more than the features.
template <class T>
int64_t compact_row(int64_t features) {
    return padded<T>(features + largest_lanes);
}

template <class T>
bool compacting_pays(const Layer<T>& lowest);

// After the inputs are gathered: from here on activity.y[0] and context.layer(0) have the features that are kept.
template <class T>
void leave_out_zeros(const Chunk<T>& chunk);

// After the update. Returns the largest magnitude that a parameter may have.
template <class T>
T put_back(const Chunk<T>& chunk);

}  // namespace fastmlp
