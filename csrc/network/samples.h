// The caller's data as the engine sees it: borrowed, read-only, checked by the bindings.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace fastmlp {

// Inputs keep the type they came in (uint8 images stay uint8) and are converted and scaled as they are gathered.
struct Inputs {
    const void* data;
    SourceType type;
    int64_t count;                  // samples
    int64_t row_bytes;              // from one sample to the next
    const double* shift = nullptr;  // (features), null: no scaling
    const double* scale = nullptr;
    const float* shift32 = nullptr;  // the same as float; may be null
    const float* scale32 = nullptr;
};

// Whether the inputs hold so many zeros that products which skip them are faster (gemm/skip.h): asked of one row in eight, at most
// 64. The answer changes no bit.
bool mostly_zeros(const Inputs& inputs, int64_t features);

// One of the two is null.
template <class T>
struct Targets {
    const int64_t* labels;  // (samples): class indices
    const T* values;        // (samples x outputs), ld = value_row
    int64_t value_row;
    const T* weights = nullptr;  // (samples): factors of each sample's loss; null: all 1
};

// Of one head: its own loss, without its weight in the sum.
struct HeadTally {
    double loss_sum = 0;
    int64_t correct = 0;
};

// What was learnt about the samples seen so far.
struct Tally {
    double loss_sum = 0;  // of the data loss, without penalties
    int64_t correct = 0;  // of a network without heads
    int64_t samples = 0;
    std::vector<HeadTally> heads{};  // one a head
};

}  // namespace fastmlp
