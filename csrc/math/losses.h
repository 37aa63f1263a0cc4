// What a loss is: the part that one output unit adds to one sample's loss, and its derivative. Adding one: a struct here, its name in
// the list of math/catalog.h (a constant of a new name is also a line in Python's config/training.py). Kernels on every instruction
// set, Python's names, ranges, defaults, error messages and test sweeps follow from the list.
//
// The data loss is the mean over the samples; of weighted samples it is sum_i w_i l_i / (number of samples). A struct has
//   term       what the unit adds to the sample's loss
//   gradient   dL/dy; or, where `fused` is true, delta: dL/dz for the one output unit `Output` that the loss belongs to
// For cross-entropies on their units dL/dz = y - t: no slope, so no slow start (LECTURES A6, P2), and exact for extreme z.
#pragma once

#include "math/activations.h"

namespace fastmlp {

// Of one row of outputs: the largest z, and log(sum_k exp(z_k - largest)).
template <class V>
struct SoftmaxRow {
    V largest;
    V log_total;
};

// What a loss is told of one output unit of one sample.
template <class V>
struct LossAt {
    V z, y, t;          // before the output unit, after it, the target
    V share;            // 1 / (number of outputs)
    SoftmaxRow<V> row;  // where the output unit is softmax
    const V* constant;  // in the order of the struct
};

struct LossConstant {
    const char* name;
    const char* meaning;
    double initial;        // where none is given
    double least, below;   // least <= value < below
    bool for_each_output;  // one value for all outputs, or one for each
};

constexpr int largest_loss_constants = 2;

// What targets a loss is defined for. Labels stand for 1 in the place of the class, else 0.
enum class TargetDomain { real, not_negative, unit_interval, distribution };
constexpr const char* target_domains[] = {"real", "not negative", "unit interval", "distribution"};

// What a struct does not say itself.
struct LossDefaults {
    static constexpr bool fused = false;
    static constexpr bool has_log_gradient = false;  // instead of delta, on softmax: log_gradient = dL/d(log y)
    static constexpr bool smooths = false;           // its one constant changes the targets: at 0 the kernel without it is taken
    static constexpr bool is_margin = false;         // one output decides by its sign, sign(0) = +1 (A2), not by one half
    static constexpr bool log_outputs = false;       // the outputs are logarithms of what is predicted
    static constexpr TargetDomain targets = TargetDomain::real;
    static constexpr int constant_count = 0;
    static constexpr LossConstant constants[1] = {};
};

// C = 1/2 sum_k (y_k - t_k)^2: the quadratic cost of the lectures (G6, A4, N2)
struct HalfSquaredError : LossDefaults {
    static constexpr const char* name = "half_squared_error";
    static constexpr const char* formula = "sum_k (y_k - t_k)^2 / 2";

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return (o.y - o.t) * (o.y - o.t) * M::number(0.5);
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return o.y - o.t;
    }
};

// The mean over outputs too, as in scikit-learn, PyTorch and Keras
struct MeanSquaredError : LossDefaults {
    static constexpr const char* name = "mean_squared_error";
    static constexpr const char* formula = "mean_k (y_k - t_k)^2";

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return (o.y - o.t) * (o.y - o.t) * o.share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return (o.y - o.t) * (o.share + o.share);
    }
};

// The slope at y = t is 0, as in PyTorch.
struct MeanAbsoluteError : LossDefaults {
    static constexpr const char* name = "mean_absolute_error";
    static constexpr const char* formula = "mean_k |y_k - t_k|";

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return M::absolute(o.y - o.t) * o.share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return o.y > o.t ? o.share : (o.y < o.t ? -o.share : V{});
    }
};

// Huber (1964): a square near the target, a line farther than delta from it. With c = d held within +-delta both are c (d - c / 2).
struct Huber : LossDefaults {
    static constexpr const char* name = "huber";
    static constexpr const char* formula = "mean_k (d_k^2 / 2 where |d_k| <= delta, else delta (|d_k| - delta / 2)), d = y - t";
    static constexpr int constant_count = 1;
    enum { delta };
    static constexpr LossConstant constants[] = {
        {"delta", "distance from the target where the square becomes a line", 1, 1e-20, 1e30, false}};

    template <class M, class V>
    static FASTMLP_INLINE V held(const LossAt<V>& o) {
        const V d = o.y - o.t, most = o.constant[delta];
        return d > most ? most : (d < -most ? -most : d);
    }
    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        const V c = held<M>(o);
        return c * ((o.y - o.t) - c * M::number(0.5)) * o.share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return held<M>(o) * o.share;
    }
};

// Far from the target |d| + log(1 + e^-2|d|) - log 2, which cannot overflow; near it that would cancel, and
// cosh d = 1 + 2 s^2 / (1 - s^2) with s = tanh(d / 2) keeps the precision of small losses.
struct LogCosh : LossDefaults {
    static constexpr const char* name = "log_cosh";
    static constexpr const char* formula = "mean_k log(cosh(y_k - t_k))";

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        const V d = M::absolute(o.y - o.t), s = M::tanh(d * M::number(0.5)), square = s * s;
        const V near = M::log1p((square + square) / (M::number(1) - square));
        const V far = (d - M::number(0.69314718055994530942)) + M::log1p(M::exp(-(d + d)));
        return (d < M::number(1) ? near : far) * o.share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return M::tanh(o.y - o.t) * o.share;
    }
};

// Koenker and Bassett (1978): least where the share `quantile` of the targets lies below y. The slope at y = t is 0.
struct Quantile : LossDefaults {
    static constexpr const char* name = "quantile";
    static constexpr const char* formula = "mean_k (q_k (t_k - y_k) where t_k > y_k, else (1 - q_k) (y_k - t_k)), q = quantile";
    static constexpr int constant_count = 1;
    static constexpr LossConstant constants[] = {{"quantile", "share of the targets that lie below the prediction", 0.5, 1e-6, 1, true}};

    template <class M, class V>
    static FASTMLP_INLINE V slope(const LossAt<V>& o) {
        return o.y < o.t ? -o.constant[0] : M::number(1) - o.constant[0];
    }
    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return (o.y - o.t) * slope<M>(o) * o.share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return o.y == o.t ? V{} : slope<M>(o) * o.share;
    }
};

// The outputs are logarithms of rates: -log of Poisson's probability of the count t, less what does not depend on z. As PyTorch's
// PoissonNLLLoss by default, but a mean over the outputs of a sample.
struct Poisson : LossDefaults {
    static constexpr const char* name = "poisson";
    static constexpr const char* formula = "mean_k (exp(y_k) - t_k y_k), the rate being exp(y)";
    static constexpr bool fused = true;
    using Output = Identity;
    static constexpr bool log_outputs = true;
    static constexpr TargetDomain targets = TargetDomain::not_negative;

    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>& o) {
        return (M::exp(o.z) - o.t * o.z) * o.share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V delta(const LossAt<V>& o) {
        return (M::exp(o.z) - o.t) * o.share;
    }
};

}  // namespace fastmlp
