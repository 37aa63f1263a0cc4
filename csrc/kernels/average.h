// The moving average of parameters, one step on.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// average <- average + share (x - average); where share is 1 and the average zero, exactly x
template <class T>
void average(int64_t rows, int64_t columns, T share, const T* x, T* average, int64_t row) {
    const Vec<T> part = broadcast<T>(share);
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = i * row; j < i * row + columns; j += lanes<T>) {
            const Vec<T> old = load(average + j);
            store(average + j, fma(part, load(x + j) - old, old));
        }
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
