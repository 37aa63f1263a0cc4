// The losses of classes; math/losses.h says what a loss is.
#pragma once

#include "math/losses.h"

namespace fastmlp {

constexpr LossConstant label_smoothing_row = {
    "label_smoothing", "share of a target that is spread evenly over the classes", 0, 0, 1, false};

// log(1 + e^-|z|). With y = sigmoid(z), -log(1 - y) is max(z, 0) and that, -log y is max(-z, 0) and that: exact for extreme z.
template <class M, class V>
FASTMLP_INLINE V softplus_tail(V z) {
    return M::log1p(M::exp(-M::absolute(z)));
}
template <class V>
FASTMLP_INLINE V positive_part(V z) {
    return z < V{} ? V{} : z;  // NaN passes through
}

// -sum_k (t log y + (1 - t) log(1 - y)) with y = sigmoid(z), written in z: max(z, 0) - z t + log(1 + e^-|z|)
struct BinaryCrossEntropy : LossDefaults {
    static constexpr const char* name = "binary_cross_entropy";
    static constexpr const char* formula = "-sum_k (t_k log y_k + (1 - t_k) log(1 - y_k))";
    static constexpr bool fused = true;
    using Output = Sigmoid;
    static constexpr TargetDomain targets = TargetDomain::unit_interval;
    static constexpr bool smooths = true;
    static constexpr int constant_count = 1;
    static constexpr LossConstant constants[] = {label_smoothing_row};

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return (positive_part(o.z) - o.z * o.t) + softplus_tail<M>(o.z);
    }
    template <class M, class V>
    static FASTMLP_INLINE V delta(const LossAt<V>& o) {
        return o.y - o.t;
    }
    // Two classes a unit, as in Keras
    template <class M, class V>
    static FASTMLP_INLINE V smoothed(V t, V, V smoothing) {
        return M::fma(smoothing, M::number(0.5) - t, t);
    }
};

// -sum_k t_k log y_k with y = softmax(z): log y_k = z_k - largest - log_total
struct CategoricalCrossEntropy : LossDefaults {
    static constexpr const char* name = "categorical_cross_entropy";
    static constexpr const char* formula = "-sum_k t_k log y_k";
    static constexpr bool fused = true;
    using Output = Softmax;
    static constexpr TargetDomain targets = TargetDomain::distribution;
    static constexpr bool smooths = true;
    static constexpr int constant_count = 1;
    static constexpr LossConstant constants[] = {label_smoothing_row};

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return o.t == V{} ? V{} : o.t * ((o.row.largest - o.z) + o.row.log_total);
    }
    template <class M, class V>
    static FASTMLP_INLINE V delta(const LossAt<V>& o) {
        return o.y - o.t;
    }
    // As in PyTorch and Keras
    template <class M, class V>
    static FASTMLP_INLINE V smoothed(V t, V share, V smoothing) {
        return M::fma(smoothing, share - t, t);
    }
};

constexpr LossConstant gamma_row = {"gamma", "how much well-classified samples count less; 0: not at all", 2, 0, 1e30, false};

// Lin et al. (2017), for one class or several labels a sample. With u = -log y and v = -log(1 - y), powers of y and 1 - y are
// exponentials of them: exact for extreme z.
struct BinaryFocalCrossEntropy : LossDefaults {
    static constexpr const char* name = "binary_focal_cross_entropy";
    static constexpr const char* formula = "-sum_k (alpha t_k (1 - y_k)^gamma log y_k + (1 - alpha) (1 - t_k) y_k^gamma log(1 - y_k))";
    static constexpr bool fused = true;
    using Output = Sigmoid;
    static constexpr TargetDomain targets = TargetDomain::unit_interval;
    static constexpr int constant_count = 2;
    enum { gamma, alpha };
    static constexpr LossConstant constants[] = {gamma_row,
                                                 {"alpha", "weight of the class 1; 1 - alpha is that of the class 0", 0.25, 0, 1, false}};

    template <class V>
    struct Parts {
        V u, v;                // -log y, -log(1 - y)
        V positive, negative;  // the factors of u and v but their powers' derivatives
    };
    template <class M, class V>
    static FASTMLP_INLINE Parts<V> parts(const LossAt<V>& o) {
        const V tail = softplus_tail<M>(o.z), one = M::number(1);
        const V u = positive_part(-o.z) + tail, v = positive_part(o.z) + tail;
        return {u, v, o.constant[alpha] * o.t * M::exp(-o.constant[gamma] * v),
                (one - o.constant[alpha]) * (one - o.t) * M::exp(-o.constant[gamma] * u)};
    }
    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        const Parts<V> p = parts<M>(o);
        return p.positive * p.u + p.negative * p.v;
    }
    // du/dz = -(1 - y), dv/dz = y
    template <class M, class V>
    static FASTMLP_INLINE V delta(const LossAt<V>& o) {
        const Parts<V> p = parts<M>(o);
        const V other = M::sigmoid(-o.z);  // 1 - y, with its own precision
        return p.negative * (o.y + o.constant[gamma] * other * p.v) - p.positive * (other + o.constant[gamma] * o.y * p.u);
    }
};

// The same for classes; weights of classes take alpha's place.
struct CategoricalFocalCrossEntropy : LossDefaults {
    static constexpr const char* name = "categorical_focal_cross_entropy";
    static constexpr const char* formula = "-sum_k t_k (1 - y_k)^gamma log y_k";
    static constexpr bool fused = true;
    static constexpr bool has_log_gradient = true;
    using Output = Softmax;
    static constexpr TargetDomain targets = TargetDomain::distribution;
    static constexpr int constant_count = 1;
    static constexpr LossConstant constants[] = {gamma_row};

    template <class V>
    struct Parts {
        V log_y, other, power;  // log y, 1 - y (never 0), (1 - y)^gamma
    };
    template <class M, class V>
    static FASTMLP_INLINE Parts<V> parts(const LossAt<V>& o) {
        const V rest = M::number(1) - o.y, least = M::number(1e-30);
        const V other = rest < least ? least : rest;
        return {(o.z - o.row.largest) - o.row.log_total, other, M::exp(o.constant[0] * M::log(other))};
    }
    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        const Parts<V> p = parts<M>(o);
        return o.t == V{} ? V{} : -(o.t * p.power * p.log_y);
    }
    template <class M, class V>
    static FASTMLP_INLINE V log_gradient(const LossAt<V>& o) {
        const Parts<V> p = parts<M>(o);
        return o.t == V{} ? V{} : o.t * p.power * (o.constant[0] * o.y * p.log_y / p.other - M::number(1));
    }
};

// Labels 0 and 1 stand for the sides s = -1 and +1; several outputs are one class each against the rest. As Keras, but a sum. NaN
// passes through; the slope at the corner is 0.
struct Hinge : LossDefaults {
    static constexpr const char* name = "hinge";
    static constexpr const char* formula = "sum_k max(0, 1 - s_k y_k), s = 2 t - 1";
    static constexpr bool fused = true;
    using Output = Identity;
    static constexpr bool is_margin = true;
    static constexpr TargetDomain targets = TargetDomain::unit_interval;

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return positive_part(M::fma(-(o.t + o.t - M::number(1)), o.z, M::number(1)));
    }
    template <class M, class V>
    static FASTMLP_INLINE V delta(const LossAt<V>& o) {
        const V side = o.t + o.t - M::number(1);
        return M::fma(-side, o.z, M::number(1)) > V{} ? -side : V{};
    }
};

// The perceptron's (A2): minus the sum of s (w x + b) over what is misclassified, by H = sign(w x + b) with sign(0) = +1
struct PerceptronLoss : LossDefaults {
    static constexpr const char* name = "perceptron";
    static constexpr const char* formula = "sum_k max(0, -s_k y_k), s = 2 t - 1";
    static constexpr bool fused = true;
    using Output = Identity;
    static constexpr bool is_margin = true;
    static constexpr TargetDomain targets = TargetDomain::unit_interval;

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return positive_part(-(o.t + o.t - M::number(1)) * o.z);
    }
    template <class M, class V>
    static FASTMLP_INLINE V delta(const LossAt<V>& o) {
        const V side = o.t + o.t - M::number(1), wrong_below = o.z < V{} ? -side : V{}, wrong_above = o.z < V{} ? V{} : -side;
        return side > V{} ? wrong_below : wrong_above;
    }
};

}  // namespace fastmlp
