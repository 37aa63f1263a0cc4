// What needs a whole row of outputs: softmax, the loss and its gradient, the count of correct answers.
// A group of samples is transposed so that each lane holds one sample; a row's sum is then a plain chain over the outputs in
// ascending order, the same for every vector width and wherever the sample stands in a batch.
#pragma once

#include "kernels/activate.h"
#include "kernels/elementwise.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class T>
FASTMLP_INLINE Vec<T> largest_of(int64_t n, const T* columns, int64_t columns_row) {
    Vec<T> largest = load(columns);
    for (int64_t j = 1; j < n; ++j) {
        const Vec<T> value = load(columns + j * columns_row);
        largest = value > largest ? value : largest;
    }
    return largest;
}

// The first position of the largest of each lane's column
template <class T>
FASTMLP_INLINE IntVec<T> position_of_largest(int64_t n, const T* columns, int64_t columns_row) {
    Vec<T> largest = load(columns);
    IntVec<T> position{};
    for (int64_t j = 1; j < n; ++j) {
        const Vec<T> value = load(columns + j * columns_row);
        const IntVec<T> larger = value > largest;
        largest = larger ? value : largest;
        position = larger ? broadcast_bits<T>(static_cast<Bits<T>>(j)) : position;
    }
    return position;
}

// y = exp(z - largest) / total, column by column; y may be z.
template <class T>
FASTMLP_INLINE SoftmaxRow<Vec<T>> softmax_columns(int64_t n, const T* z, int64_t z_row, T* y, int64_t y_row) {
    const Vec<T> largest = largest_of<T>(n, z, z_row);
    Vec<T> total{};
    for (int64_t j = 0; j < n; ++j) {
        const Vec<T> power = Approx<T>::exp(load(z + j * z_row) - largest);
        store(y + j * y_row, power);
        total = total + power;
    }
    for (int64_t j = 0; j < n; ++j) store(y + j * y_row, load(y + j * y_row) / total);
    return {largest, Approx<T>::log(total)};
}

template <class T>
void softmax(int64_t rows, int64_t columns, T* y, int64_t y_row, T* scratch) {
    for (int64_t i = 0; i < rows; i += lanes<T>) {
        const int64_t samples = rows - i < lanes<T> ? rows - i : lanes<T>;
        rows_to_columns<T>(samples, columns, y + i * y_row, y_row, scratch, lanes<T>);
        softmax_columns<T>(columns, scratch, lanes<T>, scratch, lanes<T>);
        columns_to_rows<T>(samples, columns, scratch, lanes<T>, y + i * y_row, y_row);
    }
}

// t = one column a sample: the values, or 1 in the place of the label (the label itself where there is one output)
template <class T>
FASTMLP_INLINE void targets_to_columns(const LossArguments<T>& of, T* t) {
    alignas(line_bytes) Bits<T> labels[lanes<T>];
    for (int64_t i = 0; i < lanes<T>; ++i) labels[i] = -1;
    for (int64_t i = 0; i < of.samples; ++i) {
        const int64_t sample = of.index ? of.index[i] : i;
        if (of.labels)
            labels[i] = static_cast<Bits<T>>(of.labels[sample]);
        else
            for (int64_t j = 0; j < of.outputs; ++j) t[j * lanes<T> + i] = of.targets[sample * of.target_row + j];
    }
    if (!of.labels) return;
    IntVec<T> label;
    __builtin_memcpy(&label, labels, sizeof(label));
    const Vec<T> one = broadcast<T>(1);
    const int64_t first = of.outputs == 1 ? 1 : 0;
    for (int64_t j = 0; j < of.outputs; ++j)
        store(t + j * lanes<T>, label == broadcast_bits<T>(static_cast<Bits<T>>(first + j)) ? one : Vec<T>{});
}

template <class T>
FASTMLP_INLINE int64_t count_correct(const LossArguments<T>& of, const T* z, int64_t z_row, const T* t) {
    IntVec<T> same;
    if (of.outputs == 1)
        same = (load(z) > Vec<T>{}) == (load(t) > broadcast<T>(static_cast<T>(0.5)));
    else
        same = position_of_largest<T>(of.outputs, z, z_row) == position_of_largest<T>(of.outputs, t, lanes<T>);
    return count_true<T>(same, static_cast<int>(of.samples));
}

// Any output unit that keeps its slope: all of them share the loops of a loss, which call the unit's own.
struct AnyUnit : KeptSlope {};
template <class T>
FASTMLP_INLINE void apply_unit(const LossArguments<T>& of, const T* z, int64_t z_row, T* y, T* slope) {
    for (int64_t j = 0; j < of.outputs; ++j) store(y + j * lanes<T>, load(z + j * z_row));
    of.unit({of.outputs, lanes<T>, y, lanes<T>, nullptr, of.unit_constants, slope, lanes<T>});
}

// dL/dz from dL/dy for an output unit whose slope does not cancel with the loss
template <class Loss, class Output, class T>
FASTMLP_INLINE Vec<T> unfused_delta(Vec<T> y, Vec<T> t, Vec<T> share, Vec<T> weighted, const T* slope) {
    const Vec<T> gradient = Loss::template gradient<Approx<T>>(y, t, share);
    if constexpr (Output::rowwise)
        return y * (gradient - weighted);  // softmax: dy_k/dz_j = y_k ([k = j] - y_j)
    else if constexpr (Output::keeps_slope)
        return gradient * load(slope);
    else
        return gradient * Output::template slope<Approx<T>>(y);
}

template <class Loss, class Output, class T>
T loss(const LossArguments<T>& of) {
    T* const z = of.delta_t;  // (outputs x lanes), turned into delta in place
    const int64_t z_row = of.delta_t_row;
    T* const y = of.scratch;
    T* const t = of.scratch + of.outputs * lanes<T>;
    T* const slope = t + of.outputs * lanes<T>;
    const Vec<T> share = broadcast<T>(static_cast<T>(1) / static_cast<T>(of.outputs));

    if (of.z != nullptr) rows_to_columns<T>(of.samples, of.outputs, of.z, of.z_row, z, z_row);
    targets_to_columns(of, t);
    *of.correct += count_correct(of, z, z_row, t);

    SoftmaxRow<Vec<T>> row{};
    if constexpr (Output::rowwise) {
        row = softmax_columns<T>(of.outputs, z, z_row, y, lanes<T>);
    } else if constexpr (Output::keeps_slope) {
        apply_unit(of, z, z_row, y, slope);
    } else {
        for (int64_t j = 0; j < of.outputs; ++j) store(y + j * lanes<T>, Output::template value<Approx<T>>(load(z + j * z_row)));
    }

    Vec<T> weighted{};  // sum_k y_k dL/dy_k
    if constexpr (Output::rowwise && !Loss::fused) {
        for (int64_t j = 0; j < of.outputs; ++j) {
            const Vec<T> value = load(y + j * lanes<T>);
            weighted = fma(value, Loss::template gradient<Approx<T>>(value, load(t + j * lanes<T>), share), weighted);
        }
    }

    Peak<T> peak;
    Vec<T> sum{};
    for (int64_t j = 0; j < of.outputs; ++j) {
        const Vec<T> output = load(y + j * lanes<T>), target = load(t + j * lanes<T>);
        sum = sum + Loss::template term<Approx<T>>(load(z + j * z_row), output, target, share, row);
        Vec<T> delta;
        if constexpr (Loss::fused)
            delta = output - target;
        else
            delta = unfused_delta<Loss, Output, T>(output, target, share, weighted, slope + j * lanes<T>);
        store(z + j * z_row, delta);
        peak.see(keep_first<T>(delta, of.samples));
    }
    // NaN where a loss is not finite, else 0: a loss, being a square perhaps, is no bound of a delta
    peak.see(keep_first<T>(sum - sum, of.samples));
    store_partial(of.losses, sum, static_cast<int>(of.samples));
    if (of.delta != nullptr) columns_to_rows<T>(of.samples, of.outputs, z, z_row, of.delta, of.delta_row);
    return peak.value();
}

// The pairs that exist: a fused loss has one output unit, the others take any.
template <class Loss, class Output, class T>
constexpr T (*loss_kernel())(const LossArguments<T>&) {
    if constexpr (!Loss::fused && Output::keeps_slope) {
        return loss<Loss, AnyUnit, T>;
    } else if constexpr (!Loss::fused) {
        return loss<Loss, Output, T>;
    } else {
        if constexpr (__is_same(typename Loss::Output, Output)) return loss<Loss, Output, T>;
    }
    return nullptr;
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
