// Activations made of straight lines. At a kink the slope is that of PyTorch: of the line on the left, or of the level side of a limit.
#pragma once

#include "math/activations.h"

namespace fastmlp {

struct LeakyRelu : KeptSlope {
    static constexpr const char* name = "leaky_relu";
    static constexpr const char* formula = "Max(z, 0) + negative_slope * Min(z, 0)";
    static constexpr bool rectifies = true;
    static constexpr ActivationConstants constants = {1, {{"negative_slope", "slope below 0", 0.01, 0, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V* c, V& slope) {
        slope = z > V{} ? M::number(1) : c[0];
        return z > V{} ? z : c[0] * z;
    }
};

// A. Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010
struct Relu6 : KeptSlope {
    static constexpr const char* name = "relu6";
    static constexpr const char* formula = "Min(Max(z, 0), 6)";
    static constexpr bool rectifies = true;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V most = M::number(6);
        slope = (z > V{}) & (z < most) ? M::number(1) : V{};
        return z < V{} ? V{} : (z > most ? most : z);
    }
};

struct HardTanh : KeptSlope {
    static constexpr const char* name = "hard_tanh";
    static constexpr const char* formula = "Max(Min(z, 1), -1)";

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V one = M::number(1);
        slope = (z > -one) & (z < one) ? one : V{};
        return z < -one ? -one : (z > one ? one : z);
    }
};

// As the lectures have it (F4). Libraries disagree: Keras and PyTorch take slope 1/6, older Keras 0.2.
struct HardSigmoid : KeptSlope {
    static constexpr const char* name = "hard_sigmoid";
    static constexpr const char* formula = "Max(Min(slope * z + offset, 1), 0)";
    static constexpr ActivationConstants constants = {
        2, {{"slope", "slope between the limits", 0.25, 0, unlimited_constant}, {"offset", "value at 0", 0.5, 0, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V* c, V& slope) {
        const V one = M::number(1), line = M::fma(c[0], z, c[1]);
        slope = (line > V{}) & (line < one) ? c[0] : V{};
        return line < V{} ? V{} : (line > one ? one : line);
    }
};

// A. Howard et al., Searching for MobileNetV3, ICCV 2019
struct HardSwish : KeptSlope {
    static constexpr const char* name = "hard_swish";
    static constexpr const char* formula = "z * Min(Max(z + 3, 0), 6) / 6";
    static constexpr bool rectifies = true;
    static constexpr double ulp = 2;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V three = M::number(3);
        const V inside = z * (z + three) / M::number(6);
        slope = z <= -three ? V{} : (z >= three ? M::number(1) : M::fma(M::number(2), z, three) / M::number(6));
        return z <= -three ? V{} : (z >= three ? z : inside);
    }
};

// The unit of the perceptron. Its slope is 0, so descent cannot train through it: a network with it only answers.
struct Step : KeptSlope {
    static constexpr const char* name = "step";
    static constexpr const char* formula = "Piecewise((1, z > 0), (0, True))";
    static constexpr bool trainable = false;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        slope = V{};
        return z > V{} ? M::number(1) : (z <= V{} ? V{} : z);
    }
};

}  // namespace fastmlp
