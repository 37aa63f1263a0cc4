// The optimizer over a tile of parameters, straight from the tile of their gradient.
#pragma once

#include "kernels/elementwise.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class Optimizer, int states, class T>
T update(const UpdateArguments<T>& arguments) {
    static_assert(states <= largest_states && Optimizer::scalars <= largest_scalars, "math/optimizers.h says how many there may be");
    const UpdateArguments<T> of = arguments;  // a copy that no store can reach stays in registers
    const int64_t ahead = of.below < of.rows ? of.below : of.rows;
    const Vec<T> share = broadcast<T>(of.share);
    Vec<T> scalar[Optimizer::scalars];
    FASTMLP_UNROLL
    for (int i = 0; i < Optimizer::scalars; ++i) scalar[i] = broadcast<T>(of.scalar[i]);
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        for (int64_t j = 0; j < of.columns; j += lanes<T>) {
            const int64_t place = i * of.weight_row + j;
            if (i < ahead) {  // the tile below comes next: its lines arrive while its gradient is computed
                const int64_t next = place + of.rows * of.weight_row;
                __builtin_prefetch(of.weight + next);
                FASTMLP_UNROLL
                for (int s = 0; s < states; ++s) __builtin_prefetch(of.state[s] + next);
            }
            Vec<T> state[states > 0 ? states : 1];
            FASTMLP_UNROLL
            for (int s = 0; s < states; ++s) state[s] = load(of.state[s] + place);
            const Vec<T> g = fma(load(of.gradient + i * of.gradient_row + j), share, Vec<T>{});  // + 0: no zero keeps a sign
            const Vec<T> w = Optimizer::template stepped<Approx<T>, states>(load(of.weight + place), g, state, scalar);
            FASTMLP_UNROLL
            for (int s = 0; s < states; ++s) {
                store(of.state[s] + place, state[s]);
                if (s < Optimizer::seen_states) peak.see(state[s]);
            }
            store(of.weight + place, w);
            peak.see(w);
        }
    }
    return peak.value();
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
