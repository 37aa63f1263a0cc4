#include "network/parameters.h"

#include <algorithm>
#include <cmath>

#include "network/sparse.h"
#include "network/structured_spec.h"

namespace fastmlp {
namespace {

// The number of the tensor of that name; -1: the layer has none.
template <class T>
int64_t number_of(const Layer<T>& layer, const std::string& name) {
    for (std::size_t e = 0; e < layer.extras.size(); ++e)
        if (layer.extras[e].about.name == name) return static_cast<int64_t>(e);
    return -1;
}

template <class T>
T* values_of(const Layer<T>& layer, int64_t number) {
    return number < 0 ? nullptr : layer.extras[static_cast<std::size_t>(number)].values;
}

// What layer l has between its product and its activation; its tensors have their places.
template <class T>
LayerStructure<T> structure_of(const Spec& spec, int64_t l, const Layer<T>& layer) {
    LayerStructure<T> is;
    is.pieces = spec.activations[static_cast<std::size_t>(l)].pieces;
    if (static_cast<std::size_t>(l) < spec.structure.normalization.size()) {
        const ChosenNormalization& chosen = spec.structure.normalization[static_cast<std::size_t>(l)];
        is.normalization_id = chosen.id;
        is.momentum = static_cast<T>(constant_of(chosen, "momentum"));
        is.epsilon = static_cast<T>(constant_of(chosen, "epsilon"));
        is.scale = values_of(layer, is.scale_number = number_of(layer, normalization_tensors::scale));
        is.shift = values_of(layer, is.shift_number = number_of(layer, normalization_tensors::shift));
        is.running_mean = values_of(layer, number_of(layer, normalization_tensors::running_mean));
        is.running_variance = values_of(layer, number_of(layer, normalization_tensors::running_variance));
    }
    for (const auto& [from, to] : spec.structure.skips) {
        if (to != l + 1) continue;
        const int64_t number = number_of(layer, projection_name(from));
        is.skips.push_back({from, spec.sizes[static_cast<std::size_t>(from)], number, values_of(layer, number), layer.weight_row});
    }
    return is;
}

template <class T>
void fill(const Extra<T>& extra) {
    for (int64_t i = 0; i < extra.about.lines(); ++i)
        std::fill_n(extra.values + i * extra.row, extra.about.columns, static_cast<T>(extra.about.initial));
}

}  // namespace

template <class T>
Parameters<T>::Parameters(const Spec& spec) : plain(spec.is_plain()) {
    for (int64_t l = 0; l < spec.layers(); ++l) {
        const auto i = static_cast<std::size_t>(l);
        const ChosenActivation& chosen = spec.activations[i];
        Layer<T> layer{};
        layer.in = spec.sizes[i];
        layer.out = spec.columns(l);
        layer.activation = chosen.id;
        layer.weight_row = padded<T>(layer.out);
        layer.learns = row_of(chosen).learned;
        layer.owner = spec.structure.owner_of(l);
        layer.weight_owner = spec.structure.weight_owner_of(l);
        layers_.push_back(std::move(layer));
        std::copy(chosen.constants.begin(), chosen.constants.end(), layers_.back().constants.begin());
        for (const ExtraTensor& one : spec.extras[i]) layers_.back().extras.push_back({one, nullptr, padded<T>(one.columns)});
    }
    for (const Head& head : spec.structure.heads) {
        const int64_t begin = heads_.empty() ? 0 : heads_.back().begin + heads_.back().units;
        heads_.push_back({begin, head.units, head.unit.id, {}});
        std::copy(head.unit.constants.begin(), head.unit.constants.end(), heads_.back().constants.begin());
    }
    memory_ = place([this](Arena& in) {
        for (Layer<T>& layer : layers_) {
            const auto number = &layer - layers_.data();
            layer.weight = owns(number) ? in.take<T>(checked_product(layer.in, layer.weight_row)) : (*this)[layer.owner].weight;
            layer.bias = owns(number) ? in.take<T>(layer.weight_row) : (*this)[layer.owner].bias;
            for (Extra<T>& extra : layer.extras) {
                extra.values = in.take<T>(checked_product(extra.about.lines(), extra.row));
                if (extra.about.name == "mask") layer.mask = extra.values;
            }
        }
    });
    for (const Layer<T>& layer : layers_)
        for (const Extra<T>& extra : layer.extras) fill(extra);
    for (int64_t l = 0; l < layers(); ++l) {
        Layer<T>& layer = layers_[static_cast<std::size_t>(l)];
        layer.structure = structure_of(spec, l, layer);
        structured_ = structured_ || layer.structure.any();
    }
}

template <class T>
void Parameters<T>::fill_extras() {
    for (const Layer<T>& layer : layers_)
        for (const Extra<T>& extra : layer.extras)
            if (!extra.about.given) fill(extra);
}

template <class T>
Parameters<T>::~Parameters() = default;

template <class T>
void Parameters<T>::find_zeros() {
    sparse = SparseLayers<T>::of_network(*this);
}

template <class T>
void Parameters<T>::forget_zeros() {
    sparse = nullptr;
}

template <class T>
void Parameters<T>::fill_transposes() {
    for (int64_t l = 0; l < layers(); ++l) {
        const Layer<T>&layer = (*this)[l], &owner = (*this)[layer.weight_owner];
        for (int64_t i = 0; transposes(l) && i < layer.in; ++i)
            for (int64_t j = 0; j < layer.out; ++j) layer.weight[i * layer.weight_row + j] = owner.weight[j * owner.weight_row + i];
    }
}

template <class T>
T Parameters<T>::largest_magnitude() const {
    T largest = 0;
    for (const Layer<T>& layer : layers_) {
        for (int64_t i = 0; i < layer.in * layer.weight_row; ++i) largest = std::max(largest, std::abs(layer.weight[i]));
        for (int64_t j = 0; j < layer.out; ++j) largest = std::max(largest, std::abs(layer.bias[j]));
        for (const Extra<T>& extra : layer.extras)
            for (int64_t i = 0; i < extra.size(); ++i) largest = std::max(largest, std::abs(extra.values[i]));
    }
    return largest;
}

template class Parameters<float>;
template class Parameters<double>;

}  // namespace fastmlp
