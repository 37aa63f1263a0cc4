#include "bindings/full_batch_state.h"

#include "bindings/layer_arrays.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// The trained tensors of a layer within a vector of the descent, where they lie one after the other without gaps; `place` moves on behind
// them. `owner`: of the layer to which W and b belong, where that is another; null: they are its own.
template <class T>
std::vector<LayerTensor<T>> tensors_within(const Layer<T>& layer, const std::vector<LayerTensor<T>>* owner, T*& place) {
    auto tensors =
        layer_tensors(layer, place, place, [&](std::size_t e) { return layer.extras[e].about.trained ? place : static_cast<T*>(nullptr); });
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        LayerTensor<T>& tensor = tensors[i];
        const bool is_tied = owner != nullptr && tensor.extra == nullptr;
        tensor.row = tensor.columns;
        tensor.values = is_tied ? (*owner)[i].values : place;
        if (!is_tied) place += std::max<int64_t>(1, tensor.rows) * tensor.columns;
    }
    return tensors;
}

// Of every layer; the vector is as long as the descent's are.
template <class T>
std::vector<std::vector<LayerTensor<T>>> all_within(const Parameters<T>& parameters, std::vector<T>& vector) {
    std::vector<std::vector<LayerTensor<T>>> layers;
    T* place = vector.data();
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const auto* const owner = parameters.owns(l) ? nullptr : &layers[static_cast<std::size_t>(parameters[l].owner)];
        auto tensors = tensors_within(parameters[l], owner, place);
        layers.push_back(std::move(tensors));
    }
    return layers;
}

}  // namespace

template <class T>
py::list states_of(const Descent<T>& descent, const Parameters<T>& parameters) {
    py::list states;
    for (const std::vector<T>* const kept : descent.kept()) {
        std::vector<T> copy(*kept);
        const auto layers = all_within(parameters, copy);
        states.append(all_layers<T>(parameters, [&](int64_t l) { return layers[static_cast<std::size_t>(l)]; }));
    }
    return states;
}

template <class T>
void set_states(Descent<T>& descent, const Parameters<T>& parameters, const py::sequence& states) {
    const std::size_t most = static_cast<std::size_t>(descent.most_kept());
    const bool in_pairs = descent.rules.quasi_newton;
    if (states.size() > most || (in_pairs && states.size() % 2 != 0))
        throw py::value_error("states has " + std::to_string(states.size()) + " entries; the descent keeps " + std::to_string(most) +
                              " at most" + (in_pairs ? ", in pairs" : ""));
    std::vector<std::vector<T>> vectors;
    for (std::size_t s = 0; s < states.size(); ++s) {
        vectors.emplace_back(static_cast<std::size_t>(trained_count(parameters)));
        const auto layers = all_within(parameters, vectors.back());
        const auto tensors_of = [&](int64_t l) { return layers[static_cast<std::size_t>(l)]; };
        const auto checked =
            checked_layers<T>(parameters, tensors_of, states[s].template cast<py::sequence>(), "states[" + std::to_string(s) + "]");
        for (std::size_t l = 0; l < checked.size(); ++l) put<T>(layers[l], checked[l]);
    }
    descent.set_kept(std::move(vectors));
}

template py::list states_of(const Descent<float>&, const Parameters<float>&);
template py::list states_of(const Descent<double>&, const Parameters<double>&);
template void set_states(Descent<float>&, const Parameters<float>&, const py::sequence&);
template void set_states(Descent<double>&, const Parameters<double>&, const py::sequence&);

}  // namespace fastmlp
