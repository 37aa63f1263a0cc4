// What a loss is: the part that one output unit adds to one sample's loss, and dL/dy, written for
//   z before the output unit, y after it, t the target, share = 1 / (number of outputs), row = what softmax knows of the row.
// The data loss is the mean over the samples. A loss with `fused` true belongs to the one output unit whose slope cancels:
// dL/dz = y - t (LECTURES A6, P2), which also keeps it exact for extreme z.
#pragma once

#include "math/activations.h"

namespace fastmlp {

// Of one row of outputs: the largest z, and log(sum_k exp(z_k - largest)).
template <class V>
struct SoftmaxRow {
    V largest;
    V log_total;
};

// C = 1/2 sum_k (y_k - t_k)^2: the quadratic cost of the lectures (G6, A4, N2)
struct HalfSquaredError {
    static constexpr const char* name = "half_squared_error";
    static constexpr const char* formula = "sum_k (y_k - t_k)^2 / 2";
    static constexpr bool fused = false;

    template <class M, class V>
    static FASTMLP_INLINE V term(V, V y, V t, V, const SoftmaxRow<V>&) {
        return (y - t) * (y - t) * M::number(0.5);
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(V y, V t, V) {
        return y - t;
    }
};

// The mean over outputs too, as in scikit-learn, PyTorch and Keras
struct MeanSquaredError {
    static constexpr const char* name = "mean_squared_error";
    static constexpr const char* formula = "mean_k (y_k - t_k)^2";
    static constexpr bool fused = false;

    template <class M, class V>
    static FASTMLP_INLINE V term(V, V y, V t, V share, const SoftmaxRow<V>&) {
        return (y - t) * (y - t) * share;
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(V y, V t, V share) {
        return (y - t) * (share + share);
    }
};

// -sum_k (t log y + (1 - t) log(1 - y)) with y = sigmoid(z), written in z: max(z, 0) - z t + log(1 + e^-|z|)
struct BinaryCrossEntropy {
    static constexpr const char* name = "binary_cross_entropy";
    static constexpr const char* formula = "-sum_k (t_k log y_k + (1 - t_k) log(1 - y_k))";
    static constexpr bool fused = true;
    using Output = Sigmoid;

    template <class M, class V>
    static FASTMLP_INLINE V term(V z, V, V t, V, const SoftmaxRow<V>&) {
        const V positive = z < V{} ? V{} : z;
        return (positive - z * t) + M::log1p(M::exp(-M::absolute(z)));
    }
};

// -sum_k t_k log y_k with y = softmax(z): log y_k = z_k - largest - log_total
struct CategoricalCrossEntropy {
    static constexpr const char* name = "categorical_cross_entropy";
    static constexpr const char* formula = "-sum_k t_k log y_k";
    static constexpr bool fused = true;
    using Output = Softmax;

    template <class M, class V>
    static FASTMLP_INLINE V term(V z, V, V t, V, const SoftmaxRow<V>& row) {
        return t == V{} ? V{} : t * ((row.largest - z) + row.log_total);
    }
};

}  // namespace fastmlp
