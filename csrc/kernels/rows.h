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

template <class Loss, class T>
FASTMLP_INLINE int64_t count_correct(const LossArguments<T>& of, const T* z, int64_t z_row, const T* t) {
    IntVec<T> same;
    if (of.outputs > 1)
        same = position_of_largest<T>(of.outputs, z, z_row) == position_of_largest<T>(of.outputs, t, lanes<T>);
    else if constexpr (Loss::is_margin)
        same = (load(z) >= Vec<T>{}) == (load(t) > broadcast<T>(static_cast<T>(0.5)));
    else
        same = (load(z) > Vec<T>{}) == (load(t) > broadcast<T>(static_cast<T>(0.5)));
    return count_true<T>(same, static_cast<int>(of.samples));
}

// Any output unit that keeps its slope: all of them share the loops of a loss, which call the unit's own.
struct AnyUnit : KeptSlope {};
template <class T>
FASTMLP_INLINE void apply_unit(const LossArguments<T>& of, const T* z, int64_t z_row, T* y, T* slope) {
    for (int64_t j = 0; j < of.outputs; ++j) store(y + j * lanes<T>, load(z + j * z_row));
    of.unit({of.outputs, lanes<T>, y, lanes<T>, nullptr, of.unit_constants, slope, lanes<T>});
}

// A group of samples at the end of the network: one column an output, a lane a sample.
template <class Loss, class T>
struct LossColumns {
    const LossArguments<T>& of;
    T* z;  // (outputs x lanes), turned into delta in place
    int64_t z_row;
    T *y, *t, *slope;  // slope: of an output unit that keeps it
    Vec<T> share;
    SoftmaxRow<Vec<T>> row{};
    Vec<T> constant[largest_loss_constants]{};

    FASTMLP_INLINE void load_constants() {
        if constexpr (Loss::constant_count > 0 && !Loss::constants[0].for_each_output)
            for (int i = 0; i < Loss::constant_count; ++i) constant[i] = broadcast<T>(of.constants[i]);
    }
    FASTMLP_INLINE LossAt<Vec<T>> at(int64_t j) {
        if constexpr (Loss::constants[0].for_each_output) constant[0] = broadcast<T>(of.constants[j]);
        return {load(z + j * z_row), load(y + j * lanes<T>), load(t + j * lanes<T>), share, row, constant};
    }
};

template <class Loss, class T>
FASTMLP_INLINE void smooth_targets(LossColumns<Loss, T>& columns) {
    for (int64_t j = 0; j < columns.of.outputs; ++j) {
        T* const t = columns.t + j * lanes<T>;
        store(t, Loss::template smoothed<Approx<T>>(load(t), columns.share, columns.constant[0]));
    }
}

// Where softmax passes a gradient down: sum_k y_k dL/dy_k = sum_k dL/d(log y_k). Else 0.
template <class Loss, class Output, class T>
FASTMLP_INLINE Vec<T> sum_of_log_gradients(LossColumns<Loss, T>& columns) {
    Vec<T> sum{};
    if constexpr (Loss::has_log_gradient) {
        for (int64_t j = 0; j < columns.of.outputs; ++j) sum = sum + Loss::template log_gradient<Approx<T>>(columns.at(j));
    } else if constexpr (Output::rowwise && !Loss::fused) {
        for (int64_t j = 0; j < columns.of.outputs; ++j) {
            const LossAt<Vec<T>> o = columns.at(j);
            sum = fma(o.y, Loss::template gradient<Approx<T>>(o), sum);
        }
    }
    return sum;
}

// dL/dz of one output
template <class Loss, class Output, class T>
FASTMLP_INLINE Vec<T> delta_of(const LossAt<Vec<T>>& o, Vec<T> log_gradients, const T* slope) {
    if constexpr (Loss::has_log_gradient)
        return fma(-o.y, log_gradients, Loss::template log_gradient<Approx<T>>(o));
    else if constexpr (Loss::fused)
        return Loss::template delta<Approx<T>>(o);
    else if constexpr (Output::rowwise)
        return o.y * (Loss::template gradient<Approx<T>>(o) - log_gradients);  // softmax: dy_k/dz_j = y_k ([k = j] - y_j)
    else if constexpr (Output::keeps_slope)
        return Loss::template gradient<Approx<T>>(o) * load(slope);
    else
        return Loss::template gradient<Approx<T>>(o) * Output::template slope<Approx<T>>(o.y);
}

// `smooths`: the targets are changed by the loss's constant first.
template <class Loss, class Output, bool smooths, class T>
T loss(const LossArguments<T>& of) {
    const Vec<T> share = broadcast<T>(static_cast<T>(1) / static_cast<T>(of.outputs));
    LossColumns<Loss, T> columns{
        of, of.delta_t, of.delta_t_row, of.scratch, of.scratch + of.outputs * lanes<T>, of.scratch + 2 * of.outputs * lanes<T>, share};
    T *const z = columns.z, *const y = columns.y;
    const int64_t z_row = columns.z_row;

    if (of.z != nullptr) rows_to_columns<T>(of.samples, of.outputs, of.z, of.z_row, z, z_row);
    targets_to_columns(of, columns.t);
    *of.correct += count_correct<Loss>(of, z, z_row, columns.t);
    if constexpr (Loss::smooths == smooths) columns.load_constants();
    if constexpr (smooths) smooth_targets(columns);

    if constexpr (Output::rowwise) {
        columns.row = softmax_columns<T>(of.outputs, z, z_row, y, lanes<T>);
    } else if constexpr (Output::keeps_slope) {
        apply_unit(of, z, z_row, y, columns.slope);
    } else {
        for (int64_t j = 0; j < of.outputs; ++j) store(y + j * lanes<T>, Output::template value<Approx<T>>(load(z + j * z_row)));
    }
    const Vec<T> log_gradients = sum_of_log_gradients<Loss, Output, T>(columns);

    Peak<T> peak;
    Vec<T> sum{};
    for (int64_t j = 0; j < of.outputs; ++j) {
        const LossAt<Vec<T>> o = columns.at(j);
        sum = sum + Loss::template term<Approx<T>>(o);
        const Vec<T> delta = delta_of<Loss, Output, T>(o, log_gradients, columns.slope + j * lanes<T>);
        store(z + j * z_row, delta);
        peak.see(keep_first<T>(delta, of.samples));
    }
    // NaN where a loss is not finite, else 0: a loss, being a square perhaps, is no bound of a delta
    peak.see(keep_first<T>(sum - sum, of.samples));
    store_partial(of.losses, sum, static_cast<int>(of.samples));
    if (of.delta != nullptr) columns_to_rows<T>(of.samples, of.outputs, z, z_row, of.delta, of.delta_row);
    return peak.value();
}

// dL/dy was computed elsewhere and stands in the place of the targets.
struct GivenGradient : LossDefaults {
    template <class M, class V>
    static FASTMLP_INLINE V term(const LossAt<V>&) {
        return V{};
    }
    template <class M, class V>
    static FASTMLP_INLINE V gradient(const LossAt<V>& o) {
        return o.t;
    }
};

// What the loss has written, times the weight of each sample: a pass of its own, so that the loss knows nothing of weights.
template <class T>
T weigh(const LossArguments<T>& of) {
    alignas(line_bytes) T weights[lanes<T>] = {};
    for (int64_t i = 0; i < of.samples; ++i) weights[i] = of.weights[of.index ? of.index[i] : i];
    const Vec<T> weight = load(weights);
    Peak<T> peak;
    for (int64_t j = 0; j < of.outputs; ++j) {
        const Vec<T> delta = load(of.delta_t + j * of.delta_t_row) * weight;
        store(of.delta_t + j * of.delta_t_row, delta);
        peak.see(keep_first<T>(delta, of.samples));
    }
    const Vec<T> losses = load_partial(of.losses, static_cast<int>(of.samples)) * weight;
    peak.see(keep_first<T>(losses - losses, of.samples));
    store_partial(of.losses, losses, static_cast<int>(of.samples));
    if (of.delta != nullptr) columns_to_rows<T>(of.samples, of.outputs, of.delta_t, of.delta_t_row, of.delta, of.delta_row);
    return peak.value();
}

// The pairs that exist: a fused loss has one output unit, the others take any.
template <class Loss, class Output, bool smooths, class T>
constexpr LossKernel<T> loss_kernel() {
    if constexpr (smooths && !Loss::smooths) {
        return nullptr;
    } else if constexpr (!Loss::fused && Output::keeps_slope) {
        return loss<Loss, AnyUnit, smooths, T>;
    } else if constexpr (!Loss::fused) {
        return loss<Loss, Output, smooths, T>;
    } else {
        if constexpr (__is_same(typename Loss::Output, Output)) return loss<Loss, Output, smooths, T>;
    }
    return nullptr;
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
