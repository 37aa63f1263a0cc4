// Smooth activations made of exp and log.
#pragma once

#include "math/activations.h"

namespace fastmlp {

// D.-A. Clevert et al., Fast and accurate deep network learning by exponential linear units, ICLR 2016
struct Elu : KeptSlope {
    static constexpr const char* name = "elu";
    static constexpr const char* formula = "Piecewise((z, z > 0), (alpha * (exp(z) - 1), True))";
    static constexpr bool rectifies = true;
    static constexpr double ulp = 3;
    static constexpr ActivationConstants constants = {1, {{"alpha", "minus the limit far below 0", 1, 0, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V* c, V& slope) {
        return scaled<M>(z, z, M::number(1), c[0], c[0], slope);
    }
    // scale z above 0, limit (e^u - 1) below, whose slope there is `steep` e^u
    template <class M, class V>
    static FASTMLP_INLINE V scaled(V z, V u, V scale, V limit, V steep, V& slope) {
        const V power = M::expm1_of_negative(u > V{} ? V{} : u);
        slope = z > V{} ? scale : M::fma(steep, power, steep);
        return z > V{} ? scale * z : limit * power;
    }
};

// G. Klambauer et al., Self-normalizing neural networks, NIPS 2017
struct Selu : KeptSlope {
    static constexpr const char* name = "selu";
    static constexpr const char* formula = "1.0507009873554804934 * Piecewise((z, z > 0), (1.6732632423543772848 * (exp(z) - 1), True))";
    static constexpr double ulp = 3;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V limit = M::number(1.0507009873554804934 * 1.6732632423543772848);
        return Elu::scaled<M>(z, z, M::number(1.0507009873554804934), limit, limit, slope);
    }
};

// J. T. Barron, Continuously differentiable exponential linear units, 2017
struct Celu : KeptSlope {
    static constexpr const char* name = "celu";
    static constexpr const char* formula = "Piecewise((z, z > 0), (alpha * (exp(z / alpha) - 1), True))";
    static constexpr bool rectifies = true;
    static constexpr double ulp = 4;
    static constexpr ActivationConstants constants = {1, {{"alpha", "minus the limit far below 0", 1, 1e-20, unlimited_constant}}};

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V* c, V& slope) {
        const V one = M::number(1);
        return Elu::scaled<M>(z, z / c[0], one, c[0], one, slope);
    }
};

struct Softplus : KeptSlope {
    static constexpr const char* name = "softplus";
    static constexpr const char* formula = "log(1 + exp(z))";
    static constexpr double ulp = 3;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        slope = M::sigmoid(z);
        return (z < V{} ? V{} : z) + M::log1p(M::exp(-M::absolute(z)));
    }
};

struct LogSigmoid : KeptSlope {
    static constexpr const char* name = "log_sigmoid";
    static constexpr const char* formula = "-log(1 + exp(-z))";
    static constexpr double ulp = 3;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V value = -Softplus::value_and_slope<M, V>(-z, nullptr, slope);
        return value;
    }
};

// The magnitude is limited by the largest finite number: infinity has its limit, 1.
struct Softsign : KeptSlope {
    static constexpr const char* name = "softsign";
    static constexpr const char* formula = "z / (1 + Abs(z))";
    static constexpr double ulp = 2;

    template <class M, class V>
    static FASTMLP_INLINE V value_and_slope(V z, const V*, V& slope) {
        const V one = M::number(1), most = M::number(unlimited_constant), large = M::absolute(z);
        const V magnitude = large > most ? most : large;
        const V share = one / (one + magnitude);
        slope = share * share;
        return M::with_sign_of(magnitude / (one + magnitude), z);
    }
};

}  // namespace fastmlp
