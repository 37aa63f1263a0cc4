// The end of a forward product: bias and activation, y = f(y + bias).
//
// Each activation whose slope is written in y has a loop of its own for either layout. The others are many and longer, so one function
// serves both layouts of each, and keeps the slope beside y where it is asked for; backward is then the same for all of them.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/approx.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// What stands for an activation on the way back, where y is the slope that was kept.
struct SlopeItself {
    template <class M, class V>
    static FASTMLP_INLINE V slope(V kept) {
        return kept;
    }
};
template <class Activation, bool keeps_slope = Activation::keeps_slope>
struct OnTheWayBack {
    using type = Activation;
};
template <class Activation>
struct OnTheWayBack<Activation, true> {
    using type = SlopeItself;
};

template <class Activation, bool slope_wanted, class T>
FASTMLP_INLINE T activate_rows(const ActivationArguments<T>& of, bool bias_a_row) {
    const Vec<T> zero{};
    Vec<T> constants[largest_constants];
    for (int i = 0; i < Activation::constants.count; ++i) constants[i] = broadcast<T>(of.constants[i]);
    Vec<T> by_constant;
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        T* const row = of.y + i * of.y_row;
        alignas(line_bytes) T same[lanes<T>];  // read again and again where a row has one bias
        const bool one_bias = bias_a_row || of.bias == nullptr;
        if (one_bias) store(same, of.bias == nullptr ? zero : broadcast<T>(of.bias[i]));
        const T* bias = one_bias ? same : of.bias;
        const int64_t ahead = one_bias ? 0 : lanes<T>;
        for (int64_t j = 0; j < of.columns; j += lanes<T>, bias += ahead) {
            Vec<T> slope;
            const Vec<T> z = (load(row + j) + zero) + load(bias);
            Vec<T> value;
            if constexpr (Activation::learned) {
                const Vec<T> learned = bias_a_row ? broadcast<T>(of.constants[i]) : load(of.constants + j);
                value = Activation::template value_and_slopes<Approx<T>>(z, learned, slope, by_constant);
                if constexpr (slope_wanted) store(of.by_constant + i * of.slope_row + j, by_constant);
            } else {
                value = Activation::template value_and_slope<Approx<T>>(z, constants, slope);
            }
            store(row + j, value);
            if constexpr (slope_wanted) store(of.slope + i * of.slope_row + j, slope);
            peak.see(keep_first<T>(value, of.columns - j));
        }
    }
    return peak.value();
}

template <class Activation, class T>
__attribute__((noinline)) T activate(const ActivationArguments<T>& arguments, bool bias_a_row) {
    const ActivationArguments<T> of = arguments;  // a copy, or every store could change it
    return of.slope == nullptr ? activate_rows<Activation, false>(of, bias_a_row) : activate_rows<Activation, true>(of, bias_a_row);
}

// A sum that is zero gets its sign here: whether terms of zero were added or left out is then no difference.
template <class Activation, class T>
T bias_activation(const ActivationArguments<T>& arguments) {
    if constexpr (Activation::keeps_slope) {
        return activate<Activation>(arguments, false);
    } else {
        const ActivationArguments<T> of = arguments;
        Peak<T> peak;
        for (int64_t i = 0; i < of.rows; ++i) {
            T* row = of.y + i * of.y_row;
            for (int64_t j = 0; j < of.columns; j += lanes<T>) {
                const Vec<T> value = Activation::template value<Approx<T>>((load(row + j) + Vec<T>{}) + load(of.bias + j));
                store(row + j, value);
                peak.see(value);
            }
        }
        return peak.value();
    }
}

// The same where samples stand in the lanes, a bias a row. Lanes past the last sample are computed, but not looked at.
template <class Activation, class T>
T bias_activation_columns(const ActivationArguments<T>& arguments) {
    if constexpr (Activation::keeps_slope) {
        return activate<Activation>(arguments, true);
    } else {
        const ActivationArguments<T> of = arguments;
        const Vec<T> zero{};  // as in bias_activation
        Peak<T> peak;
        for (int64_t i = 0; i < of.rows; ++i) {
            const Vec<T> constant = broadcast<T>(of.bias[i]);
            T* const row = of.y + i * of.y_row;
            for (int64_t j = 0; j < of.columns; j += lanes<T>) {
                const Vec<T> value = Activation::template value<Approx<T>>((load(row + j) + zero) + constant);
                store(row + j, value);
                peak.see(keep_first<T>(value, of.columns - j));
            }
        }
        return peak.value();
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
