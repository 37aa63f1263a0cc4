// What an activation is: its name, its formula as text, its value y = f(z) and its slope f'(z) written in y.
// Adding one: a struct here, its name in the list of math/catalog.h. Kernels on every instruction set, Python's names, error
// messages and test sweeps follow from the list; the text is the oracle that the tests evaluate and differentiate.
//
// M supplies the functions (M::exp, ...) and numbers (M::number(1)) for the vector V: simd/approx.h in the kernels.
#pragma once

#include "math/inline.h"

namespace fastmlp {

struct Identity {
    static constexpr const char* name = "identity";
    static constexpr const char* formula = "z";
    static constexpr bool rowwise = false;

    template <class M, class V>
    static FASTMLP_INLINE V value(V z) {
        return z;
    }
    template <class M, class V>
    static FASTMLP_INLINE V slope(V) {
        return M::number(1);
    }
};

struct Sigmoid {
    static constexpr const char* name = "sigmoid";
    static constexpr const char* formula = "1 / (1 + exp(-z))";
    static constexpr bool rowwise = false;

    template <class M, class V>
    static FASTMLP_INLINE V value(V z) {
        return M::sigmoid(z);
    }
    template <class M, class V>
    static FASTMLP_INLINE V slope(V y) {
        return y * (M::number(1) - y);
    }
};

struct Tanh {
    static constexpr const char* name = "tanh";
    static constexpr const char* formula = "tanh(z)";
    static constexpr bool rowwise = false;

    template <class M, class V>
    static FASTMLP_INLINE V value(V z) {
        return M::tanh(z);
    }
    template <class M, class V>
    static FASTMLP_INLINE V slope(V y) {
        return (M::number(1) - y) * (M::number(1) + y);
    }
};

// NaN passes through; the slope at 0 is 0, as in PyTorch.
struct Relu {
    static constexpr const char* name = "relu";
    static constexpr const char* formula = "Max(z, 0)";
    static constexpr bool rowwise = false;

    template <class M, class V>
    static FASTMLP_INLINE V value(V z) {
        return z < V{} ? V{} : z;
    }
    template <class M, class V>
    static FASTMLP_INLINE V slope(V y) {
        return y > V{} ? M::number(1) : V{};
    }
};

// An output unit only: each value depends on the whole row (kernels/rows.h computes it, shifted by the row's largest z).
struct Softmax {
    static constexpr const char* name = "softmax";
    static constexpr const char* formula = "exp(z_j) / sum_k exp(z_k)";
    static constexpr bool rowwise = true;
};

}  // namespace fastmlp
