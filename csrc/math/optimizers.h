// What an optimizer is: the new value of one parameter w, from its gradient g (mean over the batch) and its state v.
#pragma once

#include "math/inline.h"

namespace fastmlp {

// v <- momentum v + (g + l2 w);  w <- w - learning_rate v      (PyTorch's form; without momentum v is not stored)
struct Sgd {
    static constexpr const char* name = "sgd";
    static constexpr double default_learning_rate = 0.1;
    static constexpr double default_momentum = 0.0;
    static constexpr double default_l2 = 0.0;

    template <class M, class V>
    static FASTMLP_INLINE V direction(V g, V w, V l2) {
        return M::fma(l2, w, g);
    }
    template <class M, class V>
    static FASTMLP_INLINE V velocity(V v, V direction, V momentum) {
        return M::fma(momentum, v, direction);
    }
    template <class M, class V>
    static FASTMLP_INLINE V stepped(V w, V v, V learning_rate) {
        return M::fma(-learning_rate, v, w);
    }
};

}  // namespace fastmlp
