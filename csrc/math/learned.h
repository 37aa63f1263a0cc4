// Activations whose constant is learned, one for each unit: value_and_slopes tells y, dy/dz and dy/dc. Where training begins, the constant
// is the number that a layer is given.
#pragma once

#include "math/gates.h"
#include "math/smooth.h"

namespace fastmlp {

struct Learned : KeptSlope {
    static constexpr bool learned = true;
};

// K. He et al., Delving deep into rectifiers, ICCV 2015
struct Prelu : Learned {
    static constexpr const char* name = "prelu";
    static constexpr const char* formula = "Max(z, 0) + alpha * Min(z, 0)";
    static constexpr bool rectifies = true;
    static constexpr ActivationConstants constants = {
        1, {{"alpha", "slope below 0, learned from here on", 0.25, -unlimited_constant, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slopes(V z, V alpha, V& slope, V& by_constant) {
        const auto above = z > V{};
        slope = above ? M::number(1) : alpha;
        by_constant = above ? V{} : z;
        return above ? z : alpha * z;
    }
};

// P. Ramachandran et al., Searching for activation functions, 2017, section 5: with z s(beta z), dy/dbeta = z^2 s (1 - s), which is
// y (z - y)
struct LearnedSwish : Learned {
    static constexpr const char* name = "learned_swish";
    static constexpr const char* formula = "z / (1 + exp(-beta * z))";
    static constexpr bool rectifies = true;
    static constexpr double ulp = Gate::ulp;
    static constexpr ActivationConstants constants = {
        1, {{"beta", "0: half of z; the larger, the nearer to relu; learned from here on", 1, -unlimited_constant, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slopes(V z, V beta, V& slope, V& by_constant) {
        const V u = Gate::limited(beta * z, M::number(gate_end));
        V closed;
        const V gate = M::sigmoid(u, closed);
        slope = M::fma(u * gate, closed, gate);
        by_constant = Gate::passed(z, gate) * Gate::passed(z, closed);
        return Gate::passed(z, gate);
    }
};

// (1 - alpha) z + alpha f(z), NaN where that is a difference of infinities: what of f a unit uses is learned (parametric activations of D.
// Holzmueller et al., Better by default, NeurIPS 2024, who take selu and mish)
template <class F>
struct MixOf : Learned {
    static constexpr bool rectifies = F::rectifies;
    static constexpr double ulp = 2 + F::ulp;
    static constexpr ActivationConstants constants = {
        1, {{"alpha", "share of the curve against the straight line, learned from here on", 1, -unlimited_constant, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slopes(V z, V alpha, V& slope, V& by_constant) {
        V curve_slope;
        V curve;
        if constexpr (F::keeps_slope) {
            curve = F::template value_and_slope<M>(z, static_cast<const V*>(nullptr), curve_slope);
        } else {
            curve = F::template value<M>(z);
            curve_slope = F::template slope<M>(curve);
        }
        const V straight = M::number(1) - alpha;
        slope = M::fma(alpha, curve_slope, straight);
        by_constant = curve - z;
        return Gate::passed(curve, alpha) + Gate::passed(z, straight);
    }
};
struct MixedRelu : MixOf<Relu> {
    static constexpr const char* name = "mixed_relu";
    static constexpr const char* formula = "(1 - alpha) * z + alpha * Max(z, 0)";
};
struct MixedTanh : MixOf<Tanh> {
    static constexpr const char* name = "mixed_tanh";
    static constexpr const char* formula = "(1 - alpha) * z + alpha * tanh(z)";
};
struct MixedSelu : MixOf<Selu> {
    static constexpr const char* name = "mixed_selu";
    static constexpr const char* formula =
        "(1 - alpha) * z + alpha * 1.0507009873554804934 * Piecewise((z, z > 0), (1.6732632423543772848 * (exp(z) - 1), True))";
};
struct MixedMish : MixOf<Mish> {
    static constexpr const char* name = "mixed_mish";
    static constexpr const char* formula = "(1 - alpha) * z + alpha * z * tanh(log(1 + exp(z)))";
};

}  // namespace fastmlp
