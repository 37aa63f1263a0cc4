// What an optimizer is: the new value of one parameter w, from its gradient g (mean over the batch) and what is kept of it from
// step to step, its state. Adding one: a struct here, its name in the list of math/catalog.h (a hyperparameter of a new name is
// also a line in Python's config/sections.py). Kernels on every instruction set, Python's names, ranges, defaults, error messages
// and test sweeps follow from the list; the formula is the oracle that the tests evaluate, t being the number of the step from 1.
//
// M supplies the functions for the vector V, as for math/activations.h. A struct has, beside name, formula and hyperparameters:
//   adaptive       its step does not grow with the gradient, so one learning rate fits steep and flat losses
//   least_states   how many state arrays it keeps at least and at most; states(h) says how many with hyperparameters h
//   seen_states    so many of them, the first, are of w's scale and count in the largest magnitude that `bound` is given
//   keeps_without_gradient   whether a weight with g = 0 stays as it is, to the bit
//   scalars        what `prepare` makes of h in double, once a step, for all parameters alike
//   stepped        the new w; the state is changed in place. From zeros (padding) it makes zeros.
//   bound          exceeds every number that a step computes, given that no |g| exceeds `gradient` and no |w| and seen state
//                  `parameters`; NaN and infinity pass through. network/commit.h refuses a step whose bound is too large.
#pragma once

#include <cstdint>

#include "math/inline.h"

namespace fastmlp {

struct Hyperparameter {
    const char* name;
    const char* meaning;
    double initial;        // where none is given
    double least, below;   // least <= value < below
    bool on_weights_only;  // biases have 0 instead
};

constexpr int largest_hyperparameters = 5;
constexpr int largest_states = 2;
constexpr int largest_scalars = 5;
constexpr double unlimited = 1e30;  // exclusive; finite in every precision

constexpr Hyperparameter learning_rate_row(double initial) { return {"learning_rate", "length of a step", initial, 0, unlimited, false}; }
constexpr Hyperparameter l2_row = {"l2", "pull of the weights (never biases) to 0", 0, 0, unlimited, true};

// PyTorch's form; without momentum v is not stored.
struct Sgd {
    static constexpr const char* name = "sgd";
    static constexpr const char* formula = "v = momentum * v + g + l2 * w; w = w - learning_rate * v";
    static constexpr bool adaptive = false;
    enum { learning_rate, momentum, l2 };
    static constexpr Hyperparameter hyperparameters[] = {
        learning_rate_row(0.1), {"momentum", "share of the last step that is kept", 0, 0, 1, false}, l2_row};
    static constexpr int least_states = 0, most_states = 1, seen_states = 1, scalars = 3;
    static FASTMLP_INLINE int states(const double* h) { return h[momentum] != 0 ? 1 : 0; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double* h) { return h[momentum] == 0 && h[l2] == 0; }

    static FASTMLP_INLINE void prepare(const double* h, int64_t, double* scalar) {
        for (int i = 0; i < scalars; ++i) scalar[i] = h[i];
    }
    template <class M, int states, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        V step = M::fma(scalar[l2], w, g);
        if constexpr (states == 1) step = state[0] = M::fma(scalar[momentum], state[0], step);
        return M::fma(-scalar[learning_rate], step, w);
    }
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double step = gradient + (h[l2] + h[momentum]) * parameters;
        const double weight = parameters + h[learning_rate] * step;
        return step > weight ? step : weight;  // where step is NaN or infinite, so is weight
    }
};

// 1 - (1 - c)^n by squaring, in double, from 1 - a b = (1 - a) + a (1 - b): sums of positive terms, so small results keep their
// precision, and the same bits wherever there is IEEE arithmetic.
FASTMLP_INLINE double complement_of_power(double c, int64_t n) {
    double result = 0;
    for (; n > 0; n >>= 1, c += (1 - c) * c)
        if (n & 1) result += (1 - result) * c;
    return result;
}

// Kingma and Ba (2015), algorithm 1, as PyTorch has it: the penalty goes into the gradient.
//
// With c = 1 - beta, an average moves as m + c (g - m), which gives the complement of beta its full precision: 1 - 0.999f is off by
// 1e-5. The corrections of both averages are pulled out of the division, which leaves one root and one quotient an element:
//   learning_rate m^ / (sqrt(v^) + epsilon) = rate m / (sqrt(v) + floor),
//   rate = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t),  floor = epsilon sqrt(1 - beta_2^t)
struct Adam {
    static constexpr const char* name = "adam";
    static constexpr const char* formula =
        "g = g + l2 * w; m = beta_1 * m + (1 - beta_1) * g; v = beta_2 * v + (1 - beta_2) * g^2; "
        "w = w - learning_rate * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)";
    static constexpr bool adaptive = true;
    enum { learning_rate, beta_1, beta_2, epsilon, l2 };
    // epsilon > 0: a parameter that never had a gradient would step by 0 / 0.
    static constexpr Hyperparameter hyperparameters[] = {
        learning_rate_row(0.001),
        {"beta_1", "share of the average gradient that is kept", 0.9, 0, 1, false},
        {"beta_2", "share of the average squared gradient that is kept", 0.999, 0, 1, false},
        {"epsilon", "added to the root of the average squared gradient", 1e-8, 1e-20, unlimited, false},
        l2_row};
    static constexpr int least_states = 2, most_states = 2, seen_states = 1, scalars = 5;
    static FASTMLP_INLINE int states(const double*) { return 2; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    enum { c_1, c_2, rate, floor };  // scalars; the fifth is l2
    static FASTMLP_INLINE void prepare(const double* h, int64_t t, double* scalar) {
        scalar[c_1] = 1 - h[beta_1];
        scalar[c_2] = 1 - h[beta_2];
        const double root = __builtin_sqrt(complement_of_power(scalar[c_2], t));
        scalar[rate] = h[learning_rate] * root / complement_of_power(scalar[c_1], t);
        scalar[floor] = h[epsilon] * root;
        scalar[l2] = h[l2];
    }
    template <class M, int states, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        g = M::fma(scalar[l2], w, g);
        const V m = M::without_subnormals(M::fma(scalar[c_1], g - state[0], state[0]));
        const V v = M::without_subnormals(M::fma(scalar[c_2], M::fma(g, g, -state[1]), state[1]));
        state[0] = m;
        state[1] = v;
        return M::fma(-scalar[rate], m / (M::sqrt(v) + scalar[floor]), w);
    }
    // An average moves between its last value and the new one, so |m| <= max(gradient, parameters), v <= gradient^2 (or what it was
    // under the bound of an earlier step), each but for a few roundings; v >= 0, because g^2 - v rounds to -v at least. The
    // denominator is at least floor >= epsilon sqrt(1 - beta_2), and 1 - beta_1^t >= 1 - beta_1. The factor 2 covers the roundings;
    // the last term is `rate` itself.
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double g = gradient + h[l2] * parameters;
        const double m = 2 * (g > parameters ? g : parameters);
        const double quotient = m / (h[epsilon] * __builtin_sqrt(1 - h[beta_2]));
        const double slowest = h[learning_rate] / (1 - h[beta_1]);
        return 2 * g * g + quotient + parameters + slowest * (m / h[epsilon]) + slowest;
    }
};

}  // namespace fastmlp
