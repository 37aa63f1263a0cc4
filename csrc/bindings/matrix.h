// A NumPy array of two dimensions as a kernel sees it, for the tests' entries.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include <pybind11/numpy.h>

namespace fastmlp {

template <class T>
struct MatrixView {
    T* data;
    int64_t rows, columns, row, column;  // strides in elements
};

template <class T>
MatrixView<T> matrix(const pybind11::array_t<T>& array, bool writes) {
    if (array.ndim() != 2) throw std::invalid_argument("a matrix has 2 dimensions, not " + std::to_string(array.ndim()));
    const auto item = static_cast<pybind11::ssize_t>(sizeof(T));
    T* const data = writes ? const_cast<pybind11::array_t<T>&>(array).mutable_data() : const_cast<T*>(array.data());
    return {data, array.shape(0), array.shape(1), array.strides(0) / item, array.strides(1) / item};
}

}  // namespace fastmlp
