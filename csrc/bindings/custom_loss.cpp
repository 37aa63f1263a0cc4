#include "bindings/custom_loss.h"

#include <algorithm>
#include <cmath>

namespace py = pybind11;

namespace fastmlp {
namespace {

// The function gets copies: it may keep them.
template <class T>
py::array outputs_of(const CustomLossCall<T>& call) {
    py::array_t<T> y({call.rows, call.outputs});
    for (int64_t i = 0; i < call.rows; ++i)
        std::copy(call.y + i * call.y_row, call.y + i * call.y_row + call.outputs, y.mutable_data(i, 0));
    return std::move(y);
}

template <class T, class Element>
void copy_rows(const CustomLossCall<T>& call, const Element* from, int64_t row, Element* to) {
    for (int64_t i = 0; i < call.rows; ++i) {
        const Element* const source = from + (call.order ? call.order[i] : call.first + i) * row;
        std::copy(source, source + row, to + i * row);
    }
}

template <class T>
py::array targets_of(const CustomLossCall<T>& call, const TargetArray& targets) {
    if (targets.labels) {
        py::array_t<int64_t> labels(call.rows);
        copy_rows(call, static_cast<const int64_t*>(targets.holder.data()), 1, labels.mutable_data());
        return std::move(labels);
    }
    py::array_t<T> values({call.rows, call.outputs});
    copy_rows(call, static_cast<const T*>(targets.holder.data()), call.outputs, values.mutable_data());
    return std::move(values);
}

// One number that stands for all samples, or one each.
template <class T>
bool read_losses(const py::object& given, const CustomLossCall<T>& call) {
    const py::array array = py::module_::import("numpy").attr("asarray")(given).cast<py::array>();
    const bool mean = array.ndim() == 0;
    const std::vector<py::ssize_t> shape = mean ? std::vector<py::ssize_t>{} : std::vector<py::ssize_t>{call.rows};
    const auto losses = finite_array<T>(array, shape, "the loss that the function returned");
    for (int64_t i = 0; i < call.rows; ++i) call.losses[i] = losses.data()[mean ? 0 : i];
    return mean;
}

template <class T>
void read_gradient(const py::object& given, const CustomLossCall<T>& call, T factor) {
    py::array array = py::module_::import("numpy").attr("asarray")(given).cast<py::array>();
    if (array.ndim() == 1 && call.outputs == 1) array = array.attr("reshape")(-1, 1).cast<py::array>();
    const auto gradient = finite_array<T>(array, {call.rows, call.outputs}, "the gradient that the loss function returned");
    std::transform(gradient.data(), gradient.data() + gradient.size(), call.gradient, [factor](T g) { return g * factor; });
}

}  // namespace

template <class T>
void PythonLoss::ask(const CustomLossCall<T>& call) const {
    const py::object result = function_(outputs_of(call), targets_of(call, targets_));
    if (!py::isinstance<py::tuple>(result) || py::len(result) != 2)
        throw py::type_error("the loss function must return (loss, gradient); it returned " +
                             py::str(py::type::of(result).attr("__name__")).cast<std::string>());
    const py::tuple both = result;
    const bool mean = read_losses(both[0], call);
    if (mean && targets_.weights) throw py::value_error("the loss function must return the loss of each sample where they have weights");
    read_gradient(both[1], call, mean ? static_cast<T>(call.rows) : T(1));  // of a mean to that of each sample's own loss
}

template <class T>
bool PythonLoss::compute(const CustomLossCall<T>& call) {
    const py::gil_scoped_acquire gil;
    try {
        ask(call);
        return true;
    } catch (...) {  // whatever it is: it must not leave through a team of threads
        error_ = std::current_exception();
    }
    return false;
}

template bool PythonLoss::compute(const CustomLossCall<float>&);
template bool PythonLoss::compute(const CustomLossCall<double>&);

}  // namespace fastmlp
