// The tensors of a layer, and whatever has one number for each of theirs, as NumPy arrays W (in, out), b (out,) and those of its extras,
// and back.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "network/parameters.h"

namespace fastmlp {

// Where the numbers of a layer's tensors are, in the order that Python sees.
template <class T>
struct LayerTensor {
    const Extra<T>* extra;  // null: W, or the bias
    int64_t rows, columns, row;
    T* values;

    std::vector<pybind11::ssize_t> shape() const {
        return rows ? std::vector<pybind11::ssize_t>{rows, columns} : std::vector<pybind11::ssize_t>{columns};
    }
};

// `weight`, `bias` and extra(e) lie in memory as those of `layer` do; tensors whose values are null are left out.
template <class T, class ExtraOf>
std::vector<LayerTensor<T>> layer_tensors(const Layer<T>& layer, T* weight, T* bias, const ExtraOf& extra) {
    std::vector<LayerTensor<T>> tensors{{nullptr, layer.in, layer.out, layer.weight_row, weight},
                                        {nullptr, 0, layer.out, layer.weight_row, bias}};
    for (std::size_t e = 0; e < layer.extras.size(); ++e)
        if (T* const values = extra(e))
            tensors.push_back({&layer.extras[e], layer.extras[e].about.rows, layer.extras[e].about.columns, layer.extras[e].row, values});
    return tensors;
}

// Those of the parameters.
template <class T>
std::vector<LayerTensor<T>> layer_tensors(const Layer<T>& layer) {
    return layer_tensors(layer, layer.weight, layer.bias, [&](std::size_t e) { return layer.extras[e].values; });
}

template <class T>
using LayerArrays = std::vector<pybind11::array_t<T, pybind11::array::c_style>>;

template <class T>
pybind11::tuple layer_arrays(const std::vector<LayerTensor<T>>& tensors) {
    pybind11::tuple arrays(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const LayerTensor<T>& tensor = tensors[i];
        pybind11::array_t<T> array(tensor.shape());
        const int64_t rows = std::max<int64_t>(1, tensor.rows);
        for (int64_t r = 0; r < rows; ++r)
            std::copy(tensor.values + r * tensor.row, tensor.values + r * tensor.row + tensor.columns,
                      array.mutable_data() + r * tensor.columns);
        arrays[i] = array;
    }
    return arrays;
}

// An array for each tensor, in its shape and finite. Throws ValueError naming the place.
template <class T>
LayerArrays<T> checked_layer(const std::vector<LayerTensor<T>>& tensors, const pybind11::handle& value, const std::string& place) {
    const auto given = value.template cast<pybind11::sequence>();
    if (given.size() != tensors.size()) {
        const std::string expected = tensors.size() == 2 ? "be a pair (W, b)" : "have " + std::to_string(tensors.size()) + " tensors";
        throw pybind11::value_error(place + " must " + expected + "; it has " + std::to_string(given.size()) + " entries");
    }
    LayerArrays<T> checked;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::string name = i == 0 ? "W" : i == 1 ? "b" : tensors[i].extra->about.name;
        checked.push_back(finite_array<T>(given[i], tensors[i].shape(), place + "[" + std::to_string(i) + "] (" + name + ")"));
    }
    return checked;
}

template <class T>
void put(const std::vector<LayerTensor<T>>& tensors, const LayerArrays<T>& from) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const LayerTensor<T>& tensor = tensors[i];
        const int64_t rows = std::max<int64_t>(1, tensor.rows);
        for (int64_t r = 0; r < rows; ++r)
            std::copy(from[i].data() + r * tensor.columns, from[i].data() + (r + 1) * tensor.columns, tensor.values + r * tensor.row);
    }
}

// The same for every layer; tensors_of(l) says where.
template <class T, class TensorsOf>
pybind11::list all_layers(const Parameters<T>& parameters, const TensorsOf& tensors_of) {
    pybind11::list layers;
    for (int64_t l = 0; l < parameters.layers(); ++l) layers.append(layer_arrays<T>(tensors_of(l)));
    return layers;
}
template <class T, class TensorsOf>
std::vector<LayerArrays<T>> checked_layers(const Parameters<T>& parameters, const TensorsOf& tensors_of, const pybind11::sequence& values,
                                           const std::string& name) {
    if (static_cast<int64_t>(values.size()) != parameters.layers())
        throw pybind11::value_error(name + " has " + std::to_string(values.size()) + " entries; the network has " +
                                    std::to_string(parameters.layers()) + " layers, each (W, b)");
    std::vector<LayerArrays<T>> checked;
    for (int64_t l = 0; l < parameters.layers(); ++l)
        checked.push_back(checked_layer<T>(tensors_of(l), values[static_cast<std::size_t>(l)], name + "[" + std::to_string(l) + "]"));
    return checked;
}

}  // namespace fastmlp
