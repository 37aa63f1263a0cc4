// Activations z g(z) whose gate g goes from 0 to 1: z passes where it is large. Their limits far below 0 are 0, also where z is
// infinite and the gate 0.
//
// A gate's argument u may be a rounded function of z, and the gate's slope falls to 0 on both sides before u reaches gate_end, in every
// precision: there u stands for it, so that no product is 0 times infinity.
#pragma once

#include "math/activations.h"

namespace fastmlp {

constexpr double gate_end = 800;

struct Gate : KeptSlope {
    static constexpr bool rectifies = true;
    static constexpr double ulp = 4;

    template <class V>
    static FASTMLP_INLINE V limited(V u, V end) {
        return u > end ? end : (u < -end ? -end : u);
    }
    template <class V>
    static FASTMLP_INLINE V passed(V z, V gate) {
        return gate == V{} ? V{} : z * gate;
    }
    // z sigmoid(u); z u' is limited too
    template <class M, class V>
    static FASTMLP_INLINE V sigmoid_gate(V z, V u, V z_times_u_slope, V& slope) {
        V closed;
        const V gate = M::sigmoid(u, closed);
        slope = M::fma(z_times_u_slope * gate, closed, gate);
        return passed(z, gate);
    }
};

// S. Elfwing et al., Sigmoid-weighted linear units, Neural Networks 107, 2018; swish with beta 1
struct Silu : Gate {
    static constexpr const char* name = "silu";
    static constexpr const char* formula = "z / (1 + exp(-z))";

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        return sigmoid_gate<M>(z, z, limited(z, M::number(gate_end)), slope);
    }
};

// P. Ramachandran et al., Searching for activation functions, 2017
struct Swish : Gate {
    static constexpr const char* name = "swish";
    static constexpr const char* formula = "z / (1 + exp(-beta * z))";
    static constexpr ActivationConstants constants = {1,
                                                      {{"beta", "0: half of z; the larger, the nearer to relu", 1, 0, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V* c, V& slope) {
        const V u = limited(c[0] * z, M::number(gate_end));
        return sigmoid_gate<M>(z, u, u, slope);
    }
};

// D. Hendrycks and K. Gimpel, Gaussian error linear units, 2016; with the normal distribution itself
struct Gelu : Gate {
    static constexpr const char* name = "gelu";
    static constexpr const char* formula = "z * erfc(-z / sqrt(2)) / 2";
    static constexpr double ulp = 5;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        V power;  // e^(-z^2 / 2)
        const V gate = M::normal_cdf(z, power);
        slope = M::fma(limited(z, M::number(gate_end)) * M::number(0.39894228040143267794), power, gate);
        return passed(z, gate);
    }
};

// The first approximation of the paper, z (1 + tanh(u / 2)) / 2 = z sigmoid(u)
struct GeluTanh : Gate {
    static constexpr const char* name = "gelu_tanh";
    static constexpr const char* formula = "z * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z**3))) / 2";

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V near = limited(z, M::number(32));  // u is 1200 there
        const V square = near * near, factor = M::number(1.5957691216057307117);
        const V u = factor * near * M::fma(M::number(0.044715), square, M::number(1));
        const V z_times_u_slope = factor * near * M::fma(M::number(0.134145), square, M::number(1));
        return sigmoid_gate<M>(z, u, z_times_u_slope, slope);
    }
};

// The second approximation of the paper
struct GeluSigmoid : Gate {
    static constexpr const char* name = "gelu_sigmoid";
    static constexpr const char* formula = "z / (1 + exp(-1.702 * z))";

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V u = limited(M::number(1.702) * z, M::number(gate_end));
        return sigmoid_gate<M>(z, u, u, slope);
    }
};

// D. Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020
//
// With e = e^-|z|, tanh(log(1 + e^z)) = 1 - closed, where closed = 2 / ((1 + e^z)^2 + 1); both are written in e without a difference.
struct Mish : Gate {
    static constexpr const char* name = "mish";
    static constexpr const char* formula = "z * tanh(log(1 + exp(z)))";
    static constexpr double ulp = 5;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V one = M::number(1), two = M::number(2), e = M::exp(-M::absolute(z));
        const auto below = z < V{};
        const V open = below ? e * (e + two) : M::fma(two, e, one);
        const V shut = below ? two : two * e * e;
        const V total = open + shut, gate = open / total, closed = shut / total;
        const V sigmoid = (below ? e : one) / (one + e);
        slope = M::fma(limited(z, M::number(gate_end)) * sigmoid, closed * (one + gate), gate);
        return passed(z, gate);
    }
};

}  // namespace fastmlp
