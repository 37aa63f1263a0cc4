// Adam and its kin: averages of the gradient and of its square, corrected for their start at 0. The contract is optimizers.h's.
#pragma once

#include "math/optimizers.h"

namespace fastmlp {

// 1 - (1 - c)^n by squaring, in double, from 1 - a b = (1 - a) + a (1 - b): sums of positive terms, so small results keep their
// precision, and the same bits wherever there is IEEE arithmetic.
FASTMLP_INLINE double complement_of_power(double c, int64_t n) {
    double result = 0;
    for (; n > 0; n >>= 1, c += (1 - c) * c)
        if (n & 1) result += (1 - result) * c;
    return result;
}

// Both averages, with c = 1 - beta: moving as m + c (g - m) gives the complement of beta its full precision: 1 - 0.999f is off by 1e-5.
template <class M, class V>
FASTMLP_INLINE void move_averages(V g, V* state, V c_1, V c_2) {
    const V m = M::without_subnormals(M::fma(c_1, g - state[0], state[0]));
    const V v = M::without_subnormals(M::fma(c_2, M::fma(g, g, -state[1]), state[1]));
    state[0] = m;
    state[1] = v;
}

// An average moves between its last value and the new one, so |m| <= max(gradient, parameters), v <= gradient^2 (or what it was
// under the bound of an earlier step), each but for a few roundings; v >= 0, because g^2 - v rounds to -v at least. The
// denominator is at least floor >= epsilon sqrt(1 - beta_2), and 1 - beta_1^t >= 1 - beta_1. The factor 2 covers the roundings;
// the last term is `rate` itself.
FASTMLP_INLINE double adam_bound(double g, double parameters, double rate, double beta_1, double beta_2, double epsilon) {
    const double m = 2 * (g > parameters ? g : parameters);
    const double quotient = m / (epsilon * __builtin_sqrt(1 - beta_2));
    const double slowest = rate / (1 - beta_1);
    return 2 * g * g + quotient + parameters + slowest * (m / epsilon) + slowest;
}

// Kingma and Ba (2015), algorithm 1, as PyTorch has it: the penalty goes into the gradient.
//
// The corrections of both averages are pulled out of the division, which leaves one root and one quotient an element:
//   learning_rate m^ / (sqrt(v^) + epsilon) = rate m / (sqrt(v) + floor),
//   rate = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t),  floor = epsilon sqrt(1 - beta_2^t)
struct Adam {
    static constexpr const char* name = "adam";
    static constexpr const char* formula =
        "g = g + l1 * sign(w) + l2 * w; m = beta_1 * m + (1 - beta_1) * g; v = beta_2 * v + (1 - beta_2) * g^2; "
        "w = w - learning_rate * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)";
    static constexpr bool adaptive = true;
    enum { learning_rate, beta_1, beta_2, epsilon, l1, l2 };
    static constexpr Hyperparameter hyperparameters[] = {learning_rate_row(0.001), beta_1_row(0.9), beta_2_row(0.999),
                                                         epsilon_row(1e-8),        l1_row,          l2_row};
    static constexpr int forms = 2, scalars = 6;
    static FASTMLP_INLINE constexpr int states(int) { return 2; }
    static FASTMLP_INLINE constexpr int seen_states(int) { return 1; }
    static FASTMLP_INLINE int form(const double* h) { return h[l1] != 0; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    enum { c_1, c_2, rate, floor };  // scalars; the others are the penalties
    static FASTMLP_INLINE void prepare(const double* h, int64_t t, double* scalar) {
        scalar[c_1] = 1 - h[beta_1];
        scalar[c_2] = 1 - h[beta_2];
        const double root = __builtin_sqrt(complement_of_power(scalar[c_2], t));
        scalar[rate] = h[learning_rate] * root / complement_of_power(scalar[c_1], t);
        scalar[floor] = h[epsilon] * root;
        scalar[l1] = h[l1];
        scalar[l2] = h[l2];
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        move_averages<M>(penalised < M, form == 1 > (g, w, scalar[l1], scalar[l2]), state, scalar[c_1], scalar[c_2]);
        return M::fma(-scalar[rate], state[0] / (M::sqrt(state[1]) + scalar[floor]), w);
    }
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        return adam_bound(gradient + h[l1] + h[l2] * parameters, parameters, h[learning_rate], h[beta_1], h[beta_2], h[epsilon]);
    }
};

// Loshchilov and Hutter (2019), algorithm 2, as PyTorch has it: Adam whose penalty does not pass through the averages.
struct AdamW {
    static constexpr const char* name = "adamw";
    static constexpr const char* formula =
        "m = beta_1 * m + (1 - beta_1) * g; v = beta_2 * v + (1 - beta_2) * g^2; "
        "w = w - learning_rate * weight_decay * w - learning_rate * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)";
    static constexpr bool adaptive = true;
    enum { learning_rate, beta_1, beta_2, epsilon, weight_decay };
    static constexpr Hyperparameter hyperparameters[] = {learning_rate_row(0.001), beta_1_row(0.9), beta_2_row(0.999), epsilon_row(1e-8),
                                                         weight_decay_row};
    static constexpr int forms = 1, scalars = 5;
    static FASTMLP_INLINE constexpr int states(int) { return 2; }
    static FASTMLP_INLINE constexpr int seen_states(int) { return 1; }
    static FASTMLP_INLINE int form(const double*) { return 0; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    enum { c_1, c_2, rate, floor, decay };
    static FASTMLP_INLINE void prepare(const double* h, int64_t t, double* scalar) {
        const double plain[] = {h[learning_rate], h[beta_1], h[beta_2], h[epsilon], 0, 0};
        double of_adam[Adam::scalars];
        Adam::prepare(plain, t, of_adam);
        for (int i = c_1; i <= floor; ++i) scalar[i] = of_adam[i];
        scalar[decay] = h[learning_rate] * h[weight_decay];
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        move_averages<M>(g, state, scalar[c_1], scalar[c_2]);
        return M::fma(-scalar[rate], state[0] / (M::sqrt(state[1]) + scalar[floor]), M::fma(-scalar[decay], w, w));
    }
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double decay_bound = h[learning_rate] * h[weight_decay] * (1 + 2 * parameters);
        return decay_bound + adam_bound(gradient, parameters, h[learning_rate], h[beta_1], h[beta_2], h[epsilon]);
    }
};

// Dozat (2016), as PyTorch has it with its default momentum_decay: Adam that looks a step ahead. mu is the momentum of the step, p one
// minus the product of all mu so far, which goes on from step to step among the scalars.
struct NAdam {
    static constexpr const char* name = "nadam";
    static constexpr const char* formula =
        "g = g + l1 * sign(w) + l2 * w; m = beta_1 * m + (1 - beta_1) * g; v = beta_2 * v + (1 - beta_2) * g^2; "
        "mu = beta_1 * (1 - 0.96^(0.004 * t) / 2); ahead = beta_1 * (1 - 0.96^(0.004 * (t + 1)) / 2); p = p + (1 - p) * (1 - mu); "
        "w = w - learning_rate * (ahead * m / (1 - (1 - p) * ahead) + (1 - mu) * g / p) / (sqrt(v / (1 - beta_2^t)) + epsilon)";
    static constexpr bool adaptive = true;
    enum { learning_rate, beta_1, beta_2, epsilon, l1, l2 };
    static constexpr Hyperparameter hyperparameters[] = {learning_rate_row(0.002), beta_1_row(0.9), beta_2_row(0.999),
                                                         epsilon_row(1e-8),        l1_row,          l2_row};
    static constexpr int forms = 2;
    static FASTMLP_INLINE constexpr int states(int) { return 2; }
    static FASTMLP_INLINE constexpr int seen_states(int) { return 1; }
    static FASTMLP_INLINE int form(const double* h) { return h[l1] != 0; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    enum { c_1, c_2, of_average, of_gradient, l1_scalar, l2_scalar, floor, complement_of_product, scalars };
    static FASTMLP_INLINE double momentum(const double* h, int64_t t) {
        constexpr double c = 1.6327464732471578e-4;  // 1 - 0.96^0.004
        return h[beta_1] * (0.5 + 0.5 * complement_of_power(c, t));
    }
    static FASTMLP_INLINE void prepare(const double* h, int64_t t, double* scalar) {
        const double mu = momentum(h, t), ahead = momentum(h, t + 1);
        double& p = scalar[complement_of_product];
        p += (1 - p) * (1 - mu);
        scalar[c_1] = 1 - h[beta_1];
        scalar[c_2] = 1 - h[beta_2];
        const double root = __builtin_sqrt(complement_of_power(scalar[c_2], t));
        scalar[of_average] = h[learning_rate] * root * ahead / (1 - (1 - p) * ahead);
        scalar[of_gradient] = h[learning_rate] * root * (1 - mu) / p;
        scalar[l1_scalar] = h[l1];
        scalar[l2_scalar] = h[l2];
        scalar[floor] = h[epsilon] * root;
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        g = penalised < M, form == 1 > (g, w, scalar[l1_scalar], scalar[l2_scalar]);
        move_averages<M>(g, state, scalar[c_1], scalar[c_2]);
        const V ahead = M::fma(scalar[of_average], state[0], scalar[of_gradient] * g);
        return w - ahead / (M::sqrt(state[1]) + scalar[floor]);
    }
    // The first mu is at most 0.5001, so p and 1 - (1 - p) ahead are at least 0.4999: each of the two factors is little more than twice
    // the learning rate times the root that the denominator has too. A factor 2 covers that and the roundings.
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double g = gradient + h[l1] + h[l2] * parameters;
        return adam_bound(g, parameters, 4 * h[learning_rate], 0, h[beta_2], h[epsilon]) + 4 * h[learning_rate] * (1 + g + parameters);
    }
};

}  // namespace fastmlp
