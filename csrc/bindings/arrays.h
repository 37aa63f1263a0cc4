// The door: every NumPy array is looked at here, while the GIL is held, before a raw pointer goes inside.
// Messages name the argument, what it was and what it may be.
#pragma once

#include <string>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "network/loss.h"
#include "network/samples.h"

namespace fastmlp {

// Inputs (samples x features) as the caller gave them, and whatever keeps their memory alive.
struct InputArray {
    pybind11::array holder;
    Inputs view;
};
// uint8, float32 or float64 in native byte order, two dimensions, `features` columns, at least one row. Rows that are not contiguous are
// copied. Throws TypeError or ValueError.
InputArray input_array(const pybind11::object& x, int64_t features, const char* name);

// Throws ValueError naming the first value that is NaN or infinite.
void require_finite(const InputArray& x, int64_t features, const char* name);

// Where results (rows x columns) go: an array of the caller's, C-contiguous, writable and of type T, or a new one where that is None.
template <class T>
pybind11::array output_array(const pybind11::object& out, int64_t rows, int64_t columns);

// Whether the inputs and an array have memory in common.
bool overlap(const Inputs& inputs, int64_t features, const pybind11::array& array);

// Class indices (samples,) of any integer type, or real values (samples x outputs).
struct TargetArray {
    pybind11::array holder;  // int64, or float32/float64 as the network's
    bool labels;
    pybind11::object weights_holder;  // an array of the network's type, or None
    const void* weights = nullptr;    // (samples,), null: none
};
TargetArray target_array(const pybind11::object& targets, int64_t samples, int64_t outputs, const std::string& dtype, const LossRow& loss);

// Weights of samples, of the given dtype: real numbers, finite and not negative; None stays None. Throws ValueError naming the row.
pybind11::object weight_array(const pybind11::object& weights, int64_t samples, const std::string& dtype);

template <class T>
Targets<T> view_of(const TargetArray& targets, int64_t outputs) {
    Targets<T> view{nullptr, nullptr, 0};
    if (targets.labels) {
        view.labels = static_cast<const int64_t*>(targets.holder.data());
    } else {
        view.values = static_cast<const T*>(targets.holder.data());
        view.value_row = outputs;
    }
    view.weights = static_cast<const T*>(targets.weights);
    return view;
}

// A C-contiguous copy or view of the given type and shape, finite. Throws ValueError naming `name`.
template <class T>
pybind11::array_t<T, pybind11::array::c_style> finite_array(const pybind11::object& values, const std::vector<pybind11::ssize_t>& shape,
                                                            const std::string& name);

template <class T>
constexpr const char* dtype_name = sizeof(T) == 4 ? "float32" : "float64";

std::string shape_text(const pybind11::array& array);

}  // namespace fastmlp
