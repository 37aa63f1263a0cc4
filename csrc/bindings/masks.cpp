#include "bindings/masks.h"

#include "bindings/module.h"
#include "network/mask.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

template <class T>
using MaskArray = py::array_t<T, py::array::c_style>;

std::string place_in(const std::string& name, int64_t i, int64_t columns) {
    return name + "[" + std::to_string(i / columns) + ", " + std::to_string(i % columns) + "]";
}

template <class T>
void require_zeros_and_ones(const MaskArray<T>& mask, const std::string& name) {
    for (py::ssize_t i = 0; i < mask.size(); ++i)
        if (mask.data()[i] != 0 && mask.data()[i] != 1)
            throw py::value_error(place_in(name, i, mask.shape(1)) + " = " + std::to_string(mask.data()[i]) + " is neither 0 nor 1");
}

// The number of the mask among the layer's tensors, or -1.
template <class T>
int mask_number(const Layer<T>& layer) {
    for (std::size_t e = 0; e < layer.extras.size(); ++e)
        if (layer.extras[e].values == layer.mask) return static_cast<int>(e);
    return -1;
}

}  // namespace

template <class T>
void require_masked(const Parameters<T>& parameters, const std::vector<LayerArrays<T>>& checked, const std::string& name) {
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const int number = mask_number(parameters[l]);
        if (number < 0) continue;
        const LayerArrays<T>& arrays = checked[static_cast<std::size_t>(l)];
        const MaskArray<T>&weight = arrays[0], &mask = arrays[static_cast<std::size_t>(2 + number)];
        const std::string place = name + "[" + std::to_string(l) + "]";
        require_zeros_and_ones<T>(mask, place + " (mask)");
        for (py::ssize_t i = 0; i < weight.size(); ++i)
            if (weight.data()[i] != 0 && mask.data()[i] == 0)
                throw py::value_error(place_in(place + " (W)", i, weight.shape(1)) + " = " + std::to_string(weight.data()[i]) +
                                      " where the mask is 0; it must be 0");
    }
}

template <class T>
void set_masks(StepPlan<T>& plan, const Parameters<T>& parameters, const py::sequence& masks) {
    if (static_cast<int64_t>(masks.size()) != parameters.layers())
        throw py::value_error("masks has " + std::to_string(masks.size()) + " entries; the network has " +
                              std::to_string(parameters.layers()) + " layers");
    std::vector<MaskArray<T>> checked(masks.size());
    for (std::size_t l = 0; l < masks.size(); ++l) {
        if (masks[l].is_none()) continue;
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        const std::string name = "masks[" + std::to_string(l) + "]";
        if (layer.mask == nullptr) throw py::value_error(name + " is given; the layer has no mask");
        checked[l] = finite_array<T>(masks[l], {layer.in, layer.out}, name);
        require_zeros_and_ones<T>(checked[l], name);
    }
    for (std::size_t l = 0; l < masks.size(); ++l) {
        if (masks[l].is_none()) continue;
        const Layer<T>& layer = parameters[static_cast<int64_t>(l)];
        const Extra<T>& mask = layer.extras[static_cast<std::size_t>(mask_number(layer))];
        put<T>({{&mask, layer.in, layer.out, mask.row, mask.values}}, {checked[l]});
    }
    apply_masks(parameters, plan);
}

void bind_masks(py::module_& module) {
    module.def(
        "draw_connections",
        [](int64_t inputs, int64_t units, int64_t count, uint64_t seed, uint32_t layer) {
            if (inputs < 1 || units < 1) throw std::invalid_argument("inputs and units must be at least 1");
            const std::vector<uint8_t> mask = draw_connections(inputs, units, count, seed, layer);
            return py::array_t<uint8_t>({inputs, units}, mask.data());
        },
        py::arg("inputs"), py::arg("units"), py::arg("count"), py::arg("seed"), py::arg("layer"),
        "A mask with `count` inputs for each unit, drawn by (seed, layer): uint8 (inputs, units), 1 where there is a connection.");
}

template void require_masked(const Parameters<float>&, const std::vector<LayerArrays<float>>&, const std::string&);
template void require_masked(const Parameters<double>&, const std::vector<LayerArrays<double>>&, const std::string&);
template void set_masks(StepPlan<float>&, const Parameters<float>&, const py::sequence&);
template void set_masks(StepPlan<double>&, const Parameters<double>&, const py::sequence&);

}  // namespace fastmlp
