// What an activation is: its name, its formula as text, its value y = f(z) and its slope f'(z). Adding one: a struct here (or in
// piecewise.h, smooth.h, gates.h beside it), its name in the list of math/catalog.h. Kernels on every instruction set, Python's names,
// error messages and test sweeps follow from the list; the text is the oracle that the tests evaluate and differentiate.
//
// There are two kinds. Where the slope is simple in the output y, a struct says slope(y), and backward reads y. Any other computes both
// from z at once, as they share most of their work, and the slope is kept beside y for backward (`keeps_slope`); it may have constants,
// which a network chooses for each layer. Either kind passes NaN on.
//
// A third kind learns its constant, one for each unit: value_and_slope tells dy/dc too (learned.h).
//
// M supplies the functions (M::exp, ...) and numbers (M::number(1)) for the vector V: simd/approx.h in the kernels.
#pragma once

#include "math/inline.h"

namespace fastmlp {

// A number in a formula.
struct ActivationConstant {
    const char* name;
    const char* meaning;
    double initial;       // where none is given
    double least, below;  // least <= value < below
};
constexpr int largest_constants = 2;
struct ActivationConstants {
    int count;
    ActivationConstant of[largest_constants];
};
constexpr double unlimited_constant = 1e30;  // exclusive; finite in every precision

// What structs say where nothing else stands in them.
struct Activation {
    static constexpr bool rowwise = false;    // a value depends on its whole row: an output unit only
    static constexpr bool rectifies = false;  // holds back what is below 0 and passes on what is above: first weights are He's
    static constexpr bool trainable = true;   // there is a slope to go down
    static constexpr bool keeps_slope = false;
    static constexpr bool learned = false;  // its constant is a parameter of each unit
    static constexpr double ulp = 1;        // y is the exact value, give or take so many ULP of y, and as many ULP of z in z
    static constexpr ActivationConstants constants = {0, {}};
};
// The second kind, with value_and_slope(z, constants, slope).
struct KeptSlope : Activation {
    static constexpr bool keeps_slope = true;
};

struct Identity : Activation {
    static constexpr const char* name = "identity";
    static constexpr const char* formula = "z";

    template <class M, class V>
    static FASTMLP_INLINE V value(V z) {
        return z;
    }
    template <class M, class V>
    static FASTMLP_INLINE V slope(V) {
        return M::number(1);
    }
};

struct Sigmoid : Activation {
    static constexpr const char* name = "sigmoid";
    static constexpr const char* formula = "1 / (1 + exp(-z))";
    static constexpr double ulp = 2.5;

    template <class M, class V>
    static FASTMLP_INLINE V value(V z) {
        return M::sigmoid(z);
    }
    template <class M, class V>
    static FASTMLP_INLINE V slope(V y) {
        return y * (M::number(1) - y);
    }
};

struct Tanh : Activation {
    static constexpr const char* name = "tanh";
    static constexpr const char* formula = "tanh(z)";
    static constexpr double ulp = 2.5;

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
struct Relu : Activation {
    static constexpr const char* name = "relu";
    static constexpr const char* formula = "Max(z, 0)";
    static constexpr bool rectifies = true;

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
struct Softmax : Activation {
    static constexpr const char* name = "softmax";
    static constexpr const char* formula = "exp(z_j) / sum_k exp(z_k)";
    static constexpr bool rowwise = true;
};

}  // namespace fastmlp
