#include "network/parameters.h"

#include <algorithm>
#include <cmath>

#include "network/sparse.h"

namespace fastmlp {
namespace {

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
        layers_.push_back({spec.sizes[i],
                           spec.sizes[i + 1],
                           chosen.id,
                           nullptr,
                           padded<T>(spec.sizes[i + 1]),
                           nullptr,
                           {},
                           {},
                           nullptr,
                           row_of(chosen).learned,
                           spec.structure.owner_of(l),
                           spec.structure.weight_owner_of(l)});
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
