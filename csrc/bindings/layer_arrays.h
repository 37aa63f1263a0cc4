// The numbers of a layer, and whatever has one number for each of them, as NumPy arrays W (in, out) and b (out,), and back.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "network/parameters.h"

namespace fastmlp {

template <class T>
using LayerArrays = std::pair<pybind11::array_t<T, pybind11::array::c_style>, pybind11::array_t<T, pybind11::array::c_style>>;

// Copies `weight` and `bias`, which lie in memory as those of `layer` do.
template <class T>
pybind11::tuple layer_arrays(const Layer<T>& layer, const T* weight, const T* bias) {
    pybind11::array_t<T> w({layer.in, layer.out}), b(layer.out);
    for (int64_t i = 0; i < layer.in; ++i)
        std::copy(weight + i * layer.weight_row, weight + i * layer.weight_row + layer.out, w.mutable_data(i, 0));
    std::copy(bias, bias + layer.out, b.mutable_data());
    return pybind11::make_tuple(w, b);
}

// A (W, b) for every layer, in its shape and finite. Throws ValueError naming the place in `name`.
template <class T>
std::vector<LayerArrays<T>> checked_layers(const Parameters<T>& parameters, const pybind11::sequence& values, const std::string& name) {
    if (static_cast<int64_t>(values.size()) != parameters.layers())
        throw pybind11::value_error(name + " has " + std::to_string(values.size()) + " entries; the network has " +
                                    std::to_string(parameters.layers()) + " layers, each (W, b)");
    std::vector<LayerArrays<T>> checked;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const auto pair = values[static_cast<std::size_t>(l)].template cast<pybind11::sequence>();
        const std::string place = name + "[" + std::to_string(l) + "]";
        if (pair.size() != 2)
            throw pybind11::value_error(place + " must be a pair (W, b); it has " + std::to_string(pair.size()) + " entries");
        const Layer<T>& layer = parameters[l];
        checked.emplace_back(finite_array<T>(pair[0], {layer.in, layer.out}, place + "[0] (W)"),
                             finite_array<T>(pair[1], {layer.out}, place + "[1] (b)"));
    }
    return checked;
}

template <class T>
void put(const Layer<T>& layer, const LayerArrays<T>& from, T* weight, T* bias) {
    for (int64_t i = 0; i < layer.in; ++i)
        std::copy(from.first.data(i, 0), from.first.data(i, 0) + layer.out, weight + i * layer.weight_row);
    std::copy(from.second.data(), from.second.data() + layer.out, bias);
}

}  // namespace fastmlp
