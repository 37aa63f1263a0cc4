// The optimizer over a tile of parameters, straight from the tile of their gradient.
#pragma once

#include "kernels/elementwise.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class T>
T update_sgd(const UpdateArguments<T>& of) {
    using M = Approx<T>;
    const Vec<T> share = broadcast<T>(of.share), rate = broadcast<T>(of.learning_rate);
    const Vec<T> momentum = broadcast<T>(of.momentum), l2 = broadcast<T>(of.l2);
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        const T* gradient = of.gradient + i * of.gradient_row;
        T* weight = of.weight + i * of.weight_row;
        T* velocity = of.velocity ? of.velocity + i * of.weight_row : nullptr;
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const Vec<T> w = load(weight + j);
            Vec<T> step = Sgd::direction<M>(load(gradient + j) * share, w, l2);
            if (velocity) {
                step = Sgd::velocity<M>(load(velocity + j), step, momentum);
                store(velocity + j, step);
                peak.see(step);
            }
            const Vec<T> stepped = Sgd::stepped<M>(w, step, rate);
            store(weight + j, stepped);
            peak.see(stepped);
        }
    }
    return peak.value();
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
