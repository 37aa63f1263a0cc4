#include "bindings/arrays.h"

#include <cmath>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace fastmlp {
namespace {

std::string dtype_text(const py::array& array) { return py::str(array.dtype()).cast<std::string>(); }

py::array as_array(const py::object& value, const char* name) {
    if (!py::isinstance<py::array>(value))
        throw py::type_error(std::string(name) + " must be a NumPy array; got " +
                             py::str(py::type::of(value).attr("__name__")).cast<std::string>());
    return py::reinterpret_borrow<py::array>(value);
}

// Values too large for the type become infinite without a warning: the caller's finiteness check names them.
py::array contiguous(const py::array& array, const char* dtype) {
    const py::module_ numpy = py::module_::import("numpy");
    const py::object quiet = numpy.attr("errstate")(py::arg("over") = "ignore");
    quiet.attr("__enter__")();
    const py::array result = numpy.attr("ascontiguousarray")(array, dtype).cast<py::array>();
    quiet.attr("__exit__")(py::none(), py::none(), py::none());
    return result;
}

bool native(const py::array& array) { return array.dtype().attr("isnative").cast<bool>(); }

SourceType source_type(const py::array& array, const char* name) {
    const py::dtype type = array.dtype();
    const char kind = type.kind();
    const auto size = type.itemsize();
    if (native(array)) {
        if (kind == 'u' && size == 1) return SourceType::uint8;
        if (kind == 'f' && size == 4) return SourceType::float32;
        if (kind == 'f' && size == 8) return SourceType::float64;
    }
    throw py::type_error(std::string(name) + " has dtype " + dtype_text(array) +
                         "; choose from: uint8, float32, float64 (native byte order)");
}

template <class T>
int64_t first_not_finite(const char* row, int64_t features) {
    for (int64_t j = 0; j < features; ++j)
        if (!std::isfinite(reinterpret_cast<const T*>(row)[j])) return j;
    return -1;
}

void check_labels(const py::array& labels, int64_t outputs) {
    const int64_t classes = outputs == 1 ? 2 : outputs;
    const auto* data = static_cast<const int64_t*>(labels.data());
    for (py::ssize_t i = 0; i < labels.size(); ++i)
        if (data[i] < 0 || data[i] >= classes)
            throw py::value_error("targets[" + std::to_string(i) + "] = " + std::to_string(data[i]) + " is not a class index from 0 to " +
                                  std::to_string(classes - 1));
}

void check_probabilities(const py::array& values, int64_t outputs) {
    const py::array_t<double> rows = py::module_::import("numpy").attr("asarray")(values, "float64").cast<py::array>();
    const double* data = rows.data();
    for (py::ssize_t i = 0; i < values.shape(0); ++i) {
        double sum = 0;
        bool negative = false;
        for (int64_t j = 0; j < outputs; ++j) {
            negative = negative || data[i * outputs + j] < 0;
            sum += data[i * outputs + j];
        }
        if (negative || std::abs(sum - 1) > 1e-3)
            throw py::value_error("targets[" + std::to_string(i) +
                                  "] is not a probability distribution: values must not be negative and sum to 1, not " +
                                  std::to_string(sum));
    }
}

void check_interval(const py::array& values, double most, const char* needed, const char* loss) {
    const py::array_t<double> all = py::module_::import("numpy").attr("asarray")(values, "float64").cast<py::array>();
    for (py::ssize_t i = 0; i < all.size(); ++i)
        if (!(all.data()[i] >= 0 && all.data()[i] <= most))
            throw py::value_error("targets value " + std::to_string(all.data()[i]) + " at position " + std::to_string(i) + " is not " +
                                  needed + ", as " + loss + " needs");
}

void check_domain(const py::array& values, int64_t outputs, const LossRow& loss) {
    if (loss.targets == TargetDomain::distribution) check_probabilities(values, outputs);
    if (loss.targets == TargetDomain::unit_interval) check_interval(values, 1, "between 0 and 1", loss.name);
    if (loss.targets == TargetDomain::not_negative) check_interval(values, HUGE_VAL, "at least 0", loss.name);
}

}  // namespace

std::string shape_text(const py::array& array) { return py::str(array.attr("shape")).cast<std::string>(); }

InputArray input_array(const py::object& value, int64_t features, const char* name) {
    py::array x = as_array(value, name);
    const SourceType type = source_type(x, name);
    if (x.ndim() != 2) throw py::value_error(std::string(name) + " must have 2 dimensions (samples, features); got shape " + shape_text(x));
    if (x.shape(1) != features)
        throw py::value_error(std::string(name) + " has " + std::to_string(x.shape(1)) + " features (shape " + shape_text(x) +
                              "); the network takes " + std::to_string(features));
    if (x.shape(0) == 0) throw py::value_error(std::string(name) + " has no rows (shape " + shape_text(x) + ")");
    const auto item = x.itemsize();
    const bool readable = (x.shape(1) == 1 || x.strides(1) == item) && x.strides(0) >= item * x.shape(1) && x.strides(0) % item == 0 &&
                          reinterpret_cast<uintptr_t>(x.data()) % static_cast<uintptr_t>(item) == 0;
    if (!readable) x = contiguous(x, x.dtype().attr("str").cast<std::string>().c_str());
    return {x, {x.data(), type, x.shape(0), x.shape(0) == 1 ? item * x.shape(1) : x.strides(0)}};
}

void require_finite(const InputArray& x, int64_t features, const char* name) {
    if (x.view.type == SourceType::uint8) return;
    for (int64_t i = 0; i < x.view.count; ++i) {
        const char* row = static_cast<const char*>(x.view.data) + i * x.view.row_bytes;
        const int64_t j =
            x.view.type == SourceType::float32 ? first_not_finite<float>(row, features) : first_not_finite<double>(row, features);
        if (j >= 0) throw py::value_error(std::string(name) + "[" + std::to_string(i) + ", " + std::to_string(j) + "] is NaN or infinite");
    }
}

template <class T>
py::array output_array(const py::object& out, int64_t rows, int64_t columns) {
    if (out.is_none()) return py::array_t<T>({rows, columns});
    const py::array array = as_array(out, "out");
    if (array.dtype().kind() != 'f' || array.itemsize() != static_cast<py::ssize_t>(sizeof(T)) || !native(array))
        throw py::type_error("out has dtype " + dtype_text(array) + "; it must be " + dtype_name<T> + ", as the network's");
    if (array.ndim() != 2 || array.shape(0) != rows || array.shape(1) != columns)
        throw py::value_error("out has shape " + shape_text(array) + "; it must be (" + std::to_string(rows) + ", " +
                              std::to_string(columns) + ")");
    const bool aligned = reinterpret_cast<uintptr_t>(array.data()) % sizeof(T) == 0;
    if (!(array.flags() & py::array::c_style) || !aligned) throw py::value_error("out must be C-contiguous and aligned");
    if (!array.writeable()) throw py::value_error("out is read-only");
    return array;
}

bool overlap(const Inputs& inputs, int64_t features, const py::array& array) {
    const int64_t item = inputs.type == SourceType::uint8 ? 1 : inputs.type == SourceType::float32 ? 4 : 8;
    const auto first = reinterpret_cast<uintptr_t>(inputs.data), other = reinterpret_cast<uintptr_t>(array.data());
    const auto size = static_cast<uintptr_t>((inputs.count - 1) * inputs.row_bytes + features * item);
    return first < other + static_cast<uintptr_t>(array.nbytes()) && other < first + size;
}

TargetArray target_array(const py::object& value, int64_t samples, int64_t outputs, const std::string& dtype, const LossRow& loss) {
    py::array targets = as_array(value, "targets");
    const char kind = targets.dtype().kind();
    if (targets.ndim() < 1 || targets.shape(0) != samples)
        throw py::value_error("targets has shape " + shape_text(targets) + "; x has " + std::to_string(samples) + " rows");
    if (kind == 'i' || kind == 'u') {
        if (targets.ndim() != 1)
            throw py::value_error("targets of integers are class indices and must have 1 dimension; got shape " + shape_text(targets));
        // A copy always: a label that the caller changes after this check would be written through as an index.
        const py::array labels = contiguous(targets, "int64").attr("copy")().cast<py::array>();
        check_labels(labels, outputs);
        return {labels, true, py::none()};
    }
    if (kind != 'f')
        throw py::type_error("targets has dtype " + dtype_text(targets) + "; choose from: integers (class indices), float32, float64");
    const bool column = targets.ndim() == 1 && outputs == 1;
    if (!column && (targets.ndim() != 2 || targets.shape(1) != outputs))
        throw py::value_error("targets has shape " + shape_text(targets) + "; the network has " + std::to_string(outputs) +
                              " outputs, so it must be (" + std::to_string(samples) + ", " + std::to_string(outputs) + ")");
    const py::array values = contiguous(targets, dtype.c_str());
    const bool wide = values.itemsize() == 8;
    const int64_t bad = wide ? first_not_finite<double>(static_cast<const char*>(values.data()), values.size())
                             : first_not_finite<float>(static_cast<const char*>(values.data()), values.size());
    if (bad >= 0)
        throw py::value_error("targets[" + std::to_string(bad / outputs) + (column ? "" : ", " + std::to_string(bad % outputs)) +
                              "] is NaN, infinite or too large for " + dtype);
    check_domain(values, outputs, loss);
    return {values, false, py::none()};
}

py::object weight_array(const py::object& value, int64_t samples, const std::string& dtype) {
    if (value.is_none()) return value;
    const py::array given = as_array(value, "sample_weight");
    const char kind = given.dtype().kind();
    if (kind != 'f' && kind != 'i' && kind != 'u')
        throw py::type_error("sample_weight has dtype " + dtype_text(given) + "; real numbers are needed");
    if (given.ndim() != 1 || given.shape(0) != samples)
        throw py::value_error("sample_weight has shape " + shape_text(given) + "; x has " + std::to_string(samples) + " rows");
    const py::array_t<double> exact = contiguous(given, "float64");
    const py::array weights = contiguous(given, dtype.c_str());
    for (py::ssize_t i = 0; i < exact.size(); ++i) {
        const double narrow = weights.itemsize() == 8 ? exact.data()[i] : static_cast<double>(static_cast<const float*>(weights.data())[i]);
        if (!(std::isfinite(narrow) && narrow >= 0))
            throw py::value_error("sample_weight[" + std::to_string(i) + "] = " + std::to_string(exact.data()[i]) +
                                  " is not a number of at least 0 that " + dtype + " can hold");
    }
    return weights;
}

template <class T>
py::array_t<T, py::array::c_style> finite_array(const py::object& values, const std::vector<py::ssize_t>& shape, const std::string& name) {
    const py::array given = py::module_::import("numpy").attr("asarray")(values).cast<py::array>();
    const char kind = given.dtype().kind();
    if (kind != 'f' && kind != 'i' && kind != 'u')
        throw py::type_error(name + " has dtype " + dtype_text(given) + "; real numbers are needed");
    const bool same = static_cast<std::size_t>(given.ndim()) == shape.size() && std::equal(shape.begin(), shape.end(), given.shape());
    if (!same)
        throw py::value_error(name + " has shape " + shape_text(given) + "; it must be " +
                              py::str(py::tuple(py::cast(shape))).cast<std::string>());
    py::array_t<T, py::array::c_style> result = contiguous(given, dtype_name<T>);
    if (first_not_finite<T>(static_cast<const char*>(static_cast<const void*>(result.data())), result.size()) >= 0)
        throw py::value_error(name + " holds a value that is NaN, infinite or too large for " + dtype_name<T>);
    return result;
}

template py::array output_array<float>(const py::object&, int64_t, int64_t);
template py::array output_array<double>(const py::object&, int64_t, int64_t);
template py::array_t<float, py::array::c_style> finite_array(const py::object&, const std::vector<py::ssize_t>&, const std::string&);
template py::array_t<double, py::array::c_style> finite_array(const py::object&, const std::vector<py::ssize_t>&, const std::string&);

}  // namespace fastmlp
