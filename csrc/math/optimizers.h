// What an optimizer is: the new value of one parameter w, from its gradient g (mean over the batch) and what is kept of it from
// step to step, its state. Adding one: a struct here or in optimizers_adam.h, its name in the list of math/catalog.h (a
// hyperparameter of a new name is also a line in Python's config/training.py). Kernels on every instruction set, Python's names,
// ranges, defaults, error messages and test sweeps follow from the list; the formula is the oracle that the tests evaluate, t being
// the number of the step from 1, and all that a formula sets being 0 before the first step.
//
// M supplies the functions for the vector V, as for math/activations.h. A struct has, beside name, formula and hyperparameters, of
// which the learning rate is the first:
//   adaptive       its step does not grow with the gradient, so one learning rate fits steep and flat losses
//   forms          how many kernels it has; form(h) chooses one: what hyperparameters leave out costs nothing. Form 0 is the plainest
//   states         how many state arrays a form keeps; the same for weights and for biases, which have no penalty
//   seen_states    so many of them, the first, are of w's scale and count in the largest magnitude that `bound` is given
//   keeps_without_gradient   whether a weight with g = 0 stays as it is, to the bit; never where there are states
//   scalars        what `prepare` makes of h in double, once a step, for all parameters alike; it is handed those of the last step
//   stepped        the new w; the state is changed in place. From zeros (padding) it makes zeros.
//   bound          exceeds every number that a step computes, given that no |g| exceeds `gradient` and no |w| and seen state
//                  `parameters`; NaN and infinity pass through. network/commit.h refuses a step whose bound is too large. It does not
//                  fall when the learning rate grows: schedules are bounded by their largest rate.
#pragma once

#include <cstdint>

#include "math/hyperparameters.h"
#include "math/inline.h"

namespace fastmlp {

constexpr int largest_hyperparameters = 7;
constexpr int largest_states = 3;
constexpr int largest_scalars = 8;
constexpr int largest_forms = 8;

constexpr Hyperparameter learning_rate_row(double initial) { return {"learning_rate", "length of a step", initial, 0, unlimited, false}; }
constexpr Hyperparameter momentum_row = {"momentum", "share of the last step that is kept", 0, 0, 1, false};
// epsilon > 0: a parameter that never had a gradient would step by 0 / 0.
constexpr Hyperparameter epsilon_row(double initial) {
    return {"epsilon", "added to the root that divides the step", initial, 1e-20, unlimited, false};
}
constexpr Hyperparameter beta_1_row(double initial) {
    return {"beta_1", "share of the average gradient that is kept, for the step", initial, 0, 1, false};
}
constexpr Hyperparameter beta_2_row(double initial) {
    return {"beta_2", "share of the slower average that is kept: of squares; with lion, of gradients", initial, 0, 1, false};
}
constexpr Hyperparameter l1_row = {"l1", "constant pull of the weights (never biases) to 0", 0, 0, unlimited, true};
constexpr Hyperparameter l2_row = {"l2", "pull of the weights (never biases) to 0", 0, 0, unlimited, true};
// Loshchilov and Hutter (2019): not scaled by what scales the gradient.
constexpr Hyperparameter weight_decay_row = {
    "weight_decay", "share of the weights (never biases) that a step takes, times the learning rate", 0.01, 0, unlimited, true};

// The gradient with that of the penalties l1 |w| + l2 w^2 / 2.
template <class M, bool has_l1, class V>
FASTMLP_INLINE V penalised(V g, V w, V l1, V l2) {
    g = M::fma(l2, w, g);
    if constexpr (has_l1) g = g + M::with_sign_or_zero(l1, w);
    return g;
}

// PyTorch's form, with Nesterov's momentum as there (Sutskever et al., 2013); without momentum v is not stored.
struct Sgd {
    static constexpr const char* name = "sgd";
    static constexpr const char* formula =
        "g = g + l1 * sign(w) + l2 * w; v = momentum * v + g; w = w - learning_rate * (g + momentum * v if nesterov else v)";
    static constexpr bool adaptive = false;
    enum { learning_rate, momentum, nesterov, l1, l2 };
    static constexpr Hyperparameter hyperparameters[] = {learning_rate_row(0.1),
                                                         momentum_row,
                                                         {"nesterov", "momentum that looks a step ahead", 0, 0, 2, false, Takes::flag},
                                                         l1_row,
                                                         l2_row};
    static constexpr int forms = 6, scalars = 5;  // plain, momentum, Nesterov; then the same with l1
    static FASTMLP_INLINE constexpr int kind(int form) { return form % 3; }
    static FASTMLP_INLINE constexpr int states(int form) { return kind(form) != 0 ? 1 : 0; }
    static FASTMLP_INLINE constexpr int seen_states(int form) { return states(form); }
    static FASTMLP_INLINE int form(const double* h) { return (h[momentum] == 0 ? 0 : h[nesterov] == 0 ? 1 : 2) + (h[l1] == 0 ? 0 : 3); }
    static FASTMLP_INLINE bool keeps_without_gradient(const double* h) { return h[momentum] == 0 && h[l1] == 0 && h[l2] == 0; }

    static FASTMLP_INLINE void prepare(const double* h, int64_t, double* scalar) {
        for (int i = 0; i < scalars; ++i) scalar[i] = h[i];
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        g = penalised<M, (form >= 3)>(g, w, scalar[l1], scalar[l2]);
        V step = g;
        if constexpr (kind(form) != 0) step = state[0] = M::fma(scalar[momentum], state[0], g);
        if constexpr (kind(form) == 2) step = M::fma(scalar[momentum], step, g);
        return M::fma(-scalar[learning_rate], step, w);
    }
    // |v| <= g + momentum |v|, and Nesterov's step is at most g + momentum as much.
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double g = gradient + h[l1] + h[l2] * parameters, v = g + h[momentum] * parameters;
        const double step = h[nesterov] == 0 ? v : g + v;
        const double weight = parameters + h[learning_rate] * step;
        return step > weight ? step : weight;  // where step is NaN or infinite, so is weight
    }
};

// Duchi, Hazan and Singer (2011), diagonal. The state is the root of v: it is of the gradient's scale, so that the largest magnitude
// seen bounds its square before that is computed, however many steps have gone by.
struct Adagrad {
    static constexpr const char* name = "adagrad";
    static constexpr const char* formula = "g = g + l1 * sign(w) + l2 * w; v = v + g^2; w = w - learning_rate * g / (sqrt(v) + epsilon)";
    static constexpr bool adaptive = true;
    enum { learning_rate, epsilon, l1, l2 };
    static constexpr Hyperparameter hyperparameters[] = {learning_rate_row(0.01), epsilon_row(1e-10), l1_row, l2_row};
    static constexpr int forms = 2, scalars = 4;
    static FASTMLP_INLINE constexpr int states(int) { return 1; }
    static FASTMLP_INLINE constexpr int seen_states(int) { return 1; }
    static FASTMLP_INLINE int form(const double* h) { return h[l1] != 0; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    static FASTMLP_INLINE void prepare(const double* h, int64_t, double* scalar) {
        for (int i = 0; i < scalars; ++i) scalar[i] = h[i];
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        g = penalised < M, form == 1 > (g, w, scalar[l1], scalar[l2]);
        state[0] = M::without_subnormals(M::sqrt(M::fma(g, g, state[0] * state[0])));
        return M::fma(-scalar[learning_rate], g / (state[0] + scalar[epsilon]), w);
    }
    // The quotient is at most 1 but for roundings, or g / epsilon where g^2 vanishes: g < 1e-19 then, in float, and < 1e-154 in
    // double. The factor 2 covers the roundings.
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double g = gradient + h[l1] + h[l2] * parameters;
        const double quotient = 2 + 1e-18 / h[epsilon];
        return 2 * (g * g + parameters * parameters) + g + 2 * parameters + h[learning_rate] * quotient + quotient;
    }
};

// Tieleman and Hinton (2012, lecture 6e), with momentum and centering (Graves, 2013) as PyTorch has them. Centered, the state is the
// variance itself, v - a^2, which moves as s = rho (s + (1 - rho) (g - a)^2) (West, 1979): no cancellation makes it negative.
struct Rmsprop {
    static constexpr const char* name = "rmsprop";
    static constexpr const char* formula =
        "g = g + l1 * sign(w) + l2 * w; v = rho * v + (1 - rho) * g^2; a = rho * a + (1 - rho) * g; "
        "d = g / (sqrt(v - a^2 if centered else v) + epsilon); b = momentum * b + d; w = w - learning_rate * b";
    static constexpr bool adaptive = true;
    enum { learning_rate, rho, momentum, centered, epsilon, l1, l2 };
    static constexpr Hyperparameter hyperparameters[] = {
        learning_rate_row(0.01),
        {"rho", "share of the average squared gradient that is kept", 0.99, 0, 1, false},
        momentum_row,
        {"centered", "divide by the deviation of the gradient, not by its mean square", 0, 0, 2, false, Takes::flag},
        epsilon_row(1e-8),
        l1_row,
        l2_row};
    static constexpr int forms = 8, scalars = 8;  // a bit each: momentum, centered, l1
    static FASTMLP_INLINE constexpr bool has_momentum(int form) { return (form & 1) != 0; }
    static FASTMLP_INLINE constexpr bool is_centered(int form) { return (form & 2) != 0; }
    static FASTMLP_INLINE constexpr int states(int form) { return 1 + has_momentum(form) + is_centered(form); }
    static FASTMLP_INLINE constexpr int seen_states(int form) { return has_momentum(form); }  // b; then v or s; then a
    static FASTMLP_INLINE int form(const double* h) { return (h[momentum] != 0) + 2 * (h[centered] != 0) + 4 * (h[l1] != 0); }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    enum { complement = scalars - 1 };  // of rho
    static FASTMLP_INLINE void prepare(const double* h, int64_t, double* scalar) {
        for (int i = 0; i < complement; ++i) scalar[i] = h[i];
        scalar[complement] = 1 - h[rho];
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        g = penalised < M, (form & 4) != 0 > (g, w, scalar[l1], scalar[l2]);
        V* const average = state + has_momentum(form);
        if constexpr (is_centered(form)) {
            const V off = g - average[1], part = scalar[complement] * off;
            average[1] = M::without_subnormals(average[1] + part);
            average[0] = M::without_subnormals(scalar[rho] * M::fma(part, off, average[0]));
        } else {
            average[0] = M::without_subnormals(M::fma(scalar[complement], M::fma(g, g, -average[0]), average[0]));
        }
        V step = g / (M::sqrt(average[0]) + scalar[epsilon]);
        if constexpr (has_momentum(form)) step = state[0] = M::without_subnormals(M::fma(scalar[momentum], state[0], step));
        return M::fma(-scalar[learning_rate], step, w);
    }
    // v <= gradient^2, or what it was under the bound of an earlier step, and so is a^2; (g - a)^2 is at most 4 times that. The factor
    // 2 of the quotient covers the roundings.
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        const double g = gradient + h[l1] + h[l2] * parameters;
        const double step = 2 * g / h[epsilon] + h[momentum] * parameters;
        return 8 * g * g + step + parameters + h[learning_rate] * step;
    }
};

// Chen et al. (2023), program 1, whose weight decay is decoupled.
struct Lion {
    static constexpr const char* name = "lion";
    static constexpr const char* formula =
        "c = beta_1 * m + (1 - beta_1) * g; m = beta_2 * m + (1 - beta_2) * g; "
        "w = w - learning_rate * (sign(c) + weight_decay * w)";
    static constexpr bool adaptive = true;
    enum { learning_rate, beta_1, beta_2, weight_decay };
    static constexpr Hyperparameter hyperparameters[] = {learning_rate_row(0.0001), beta_1_row(0.9), beta_2_row(0.99), weight_decay_row};
    static constexpr int forms = 1;
    static FASTMLP_INLINE constexpr int states(int) { return 1; }
    static FASTMLP_INLINE constexpr int seen_states(int) { return 1; }
    static FASTMLP_INLINE int form(const double*) { return 0; }
    static FASTMLP_INLINE bool keeps_without_gradient(const double*) { return false; }

    enum { rate, c_1, c_2, decay, scalars };
    static FASTMLP_INLINE void prepare(const double* h, int64_t, double* scalar) {
        scalar[rate] = h[learning_rate];
        scalar[c_1] = 1 - h[beta_1];
        scalar[c_2] = 1 - h[beta_2];
        scalar[decay] = h[learning_rate] * h[weight_decay];
    }
    template <class M, int form, class V>
    static FASTMLP_INLINE V stepped(V w, V g, V* state, const V* scalar) {
        const V off = g - state[0], direction = M::fma(scalar[c_1], off, state[0]);
        state[0] = M::without_subnormals(M::fma(scalar[c_2], off, state[0]));
        return M::fma(-scalar[decay], w, w) - M::with_sign_or_zero(scalar[rate], direction);
    }
    // An average stays between its last value and g; their difference is at most the sum.
    static FASTMLP_INLINE double bound(const double* h, double gradient, double parameters) {
        return 2 * (gradient + parameters) + h[learning_rate] * (1 + h[weight_decay]) * (1 + parameters);
    }
};

}  // namespace fastmlp
