// fastmlp._core.Network
#include "bindings/network.h"

#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/layer_arrays.h"
#include "bindings/masks.h"
#include "bindings/module.h"
#include "bindings/structure.h"
#include "math/catalog.h"
#include "network/initialize.h"
#include "network/scale_to_data.h"
#include "network/sparse.h"
#include "runtime/dispatch.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

NetworkPointer make_network(const std::vector<int64_t>& sizes, const std::vector<std::string>& activations, const std::string& dtype,
                            const py::dict& structure) {
    kernels();  // a wrong FASTMLP_ISA is an error at once
    const char* const dtypes[] = {"float32", "float64"};
    const bool double_precision = id_of(dtype, dtypes, 2, "dtype") == 1;
    return std::make_shared<Network>(make_spec(sizes, activations, structure_of(structure)), double_precision);
}

py::list get_parameters(Network& network) {
    const auto lock = network.read();
    return with_parameters(network, [](const auto& parameters) {
        using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
        return all_layers<T>(parameters, [&](int64_t l) { return layer_tensors(parameters[l]); });
    });
}

template <class T>
bool is_transpose(const py::array_t<T, py::array::c_style>& a, const py::array_t<T, py::array::c_style>& b) {
    for (py::ssize_t i = 0; i < a.shape(0); ++i)
        for (py::ssize_t j = 0; j < a.shape(1); ++j)
            if (a.at(i, j) != b.at(j, i)) return false;
    return true;
}

// What a tied layer is given must be what its owner is given.
template <class T>
void require_tied(const Parameters<T>& parameters, const std::vector<LayerArrays<T>>& given) {
    for (int64_t l = 0; l < parameters.layers(); ++l)
        for (std::size_t tensor = 0; tensor < 2; ++tensor) {
            const int64_t owner = parameters[l].owner;
            const auto &own = given[static_cast<std::size_t>(l)][tensor], &other = given[static_cast<std::size_t>(owner)][tensor];
            if (tensor == 0 && parameters.transposes(l) &&
                !is_transpose<T>(own, given[static_cast<std::size_t>(parameters[l].weight_owner)][0]))
                throw py::value_error("parameters[" + std::to_string(l) + "][0] is not the transpose of parameters[" +
                                      std::to_string(parameters[l].weight_owner) + "][0]; the layers are tied");
            if (!std::equal(own.data(), own.data() + own.size(), other.data()))
                throw py::value_error("parameters[" + std::to_string(l) + "][" + std::to_string(tensor) + "] differs from parameters[" +
                                      std::to_string(owner) + "][" + std::to_string(tensor) + "]; the layers are tied");
        }
}

void set_parameters(Network& network, const py::sequence& values) {
    const auto lock = network.change();
    with_parameters(network, [&](auto& parameters) {
        using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
        const auto tensors_of = [&](int64_t l) { return layer_tensors(parameters[l]); };
        const auto checked = checked_layers<T>(parameters, tensors_of, values, "parameters");  // all, before the first is written
        require_masked<T>(parameters, checked, "parameters");
        require_tied<T>(parameters, checked);
        for (int64_t l = 0; l < parameters.layers(); ++l) put<T>(tensors_of(l), checked[static_cast<std::size_t>(l)]);
        parameters.find_zeros();
    });
}

// How each layer is read: "dense", or its weights that are not zero, "sparse" or in "blocks".
std::vector<std::string> ways_to_predict(Network& network) {
    const auto lock = network.read();
    return with_parameters(network, [](const auto& parameters) {
        std::vector<std::string> ways(static_cast<std::size_t>(parameters.layers()), "dense");
        for (std::size_t l = 0; parameters.sparse && l < ways.size(); ++l)
            if (const auto& sparse = parameters.sparse->of[l]) ways[l] = sparse->by_blocks() ? "blocks" : "sparse";
        return ways;
    });
}

void scale_network_to_data(Network& network, const py::object& x) {
    const auto lock = network.change();
    if (!network.spec.structure.tied.empty())
        throw std::invalid_argument("layers that are tied cannot be scaled to data: each wants its own W");
    const InputArray rows = input_array(x, network.spec.inputs(), "x");
    require_finite(rows, network.spec.inputs(), "x");
    with_parameters(network, [&](auto& parameters) {
        scale_to_data(parameters, network.spec, network.scaled(rows.view));
        parameters.find_zeros();
    });
}

void set_input_scaling(Network& network, const py::object& shift, const py::object& scale) {
    const auto lock = network.change();
    if (shift.is_none() != scale.is_none()) throw py::value_error("shift and scale must both be given, or both be None");
    std::vector<double> shifts, scales;
    if (!shift.is_none()) {
        const py::ssize_t features = network.spec.inputs();
        const auto first = finite_array<double>(shift, {features}, "shift"), second = finite_array<double>(scale, {features}, "scale");
        shifts.assign(first.data(), first.data() + features);
        scales.assign(second.data(), second.data() + features);
    }
    network.set_scaling(shifts, scales);
}

}  // namespace

void require_fit(const ChosenActivation& output_unit, int loss) {
    if (fits(loss, output_unit.id)) return;
    std::string choices;
    for (int output = 0; output < Activations::size; ++output)
        if (fits(loss, output)) choices += (choices.empty() ? "" : ", ") + std::string(Activations::names[output]);
    throw std::invalid_argument(std::string("loss '") + Losses::names[loss] + "' does not fit the output unit '" +
                                Activations::names[output_unit.id] + "'; it needs: " + choices);
}

void require_trainable(const Spec& spec) {
    for (std::size_t l = 0; l < spec.activations.size(); ++l)
        if (!row_of(spec.activations[l]).trainable)
            throw std::invalid_argument("activation '" + text_of(spec.activations[l]) + "' of layer " + std::to_string(l) +
                                        " cannot be trained through: its slope is 0 wherever it has one");
}

TargetArray loss_targets(const Network& network, int64_t outputs, const py::object& targets, const py::object& weights, int64_t samples,
                         const Loss& loss) {
    const char* const dtype = network.double_precision() ? dtype_name<double> : dtype_name<float>;
    TargetArray array = target_array(targets, samples, outputs, dtype, loss.row());
    array.weights_holder = weight_array(weights, samples, dtype);
    if (!array.weights_holder.is_none()) array.weights = py::reinterpret_borrow<py::array>(array.weights_holder).data();
    return array;
}

Loss loss_of(const ChosenActivation& output_unit, int64_t outputs, const std::string& name, const py::dict& constants) {
    NamedLists named;
    for (const auto& [key, value] : constants) {
        const std::string constant = py::str(key);
        try {
            const bool one = PyNumber_Check(value.ptr()) != 0 && !py::isinstance<py::array>(value);
            named.emplace_back(constant, one ? std::vector<double>{value.cast<double>()} : value.cast<std::vector<double>>());
        } catch (const py::cast_error&) {
            throw py::type_error(constant + " = " + std::string(py::repr(value)) + " is neither a number nor a sequence of numbers");
        }
    }
    const Loss loss = make_loss(name, named, outputs);
    require_fit(output_unit, loss.id);
    return loss;
}

void bind_network(py::module_& module) {
    NetworkType type(module, "Network", "Layers y = f(x W + b): widths, activations and parameters.");
    type.def(py::init(&make_network), py::arg("sizes"), py::arg("activations"), py::arg("dtype") = "float32",
             py::arg("structure") = py::dict())
        .def_property_readonly("sizes", [](const Network& n) { return n.spec.sizes; })
        .def_property_readonly("activations",
                               [](const Network& n) {
                                   std::vector<std::string> names;
                                   for (const ChosenActivation& one : n.spec.activations) names.push_back(text_of(one));
                                   return names;
                               })
        .def_property_readonly("dtype", [](const Network& n) { return n.double_precision() ? "float64" : "float32"; })
        .def_property_readonly("ways_to_predict", &ways_to_predict)
        .def_property_readonly("structure", [](const Network& n) { return as_dict(n.spec.structure); })
        .def_property_readonly("tensors", [](const Network& n) { return tensor_rows(n.spec); })
        .def_property_readonly("parameter_count", [](const Network& n) { return n.spec.parameter_count(); })
        .def(
            "initialize",
            [](Network& network, const std::string& initializer, uint64_t seed, double std, const std::string& biases) {
                const auto lock = network.change();
                with_parameters(network, [&](auto& parameters) {
                    initialize(parameters, {initializer, biases, std, seed});
                    parameters.find_zeros();
                });
            },
            py::arg("initializer"), py::arg("seed"), py::arg("std") = 1.0, py::arg("bias_initializer") = "zeros")
        .def("scale_to_data", &scale_network_to_data, py::arg("x"))
        .def("parameters", &get_parameters)
        .def("set_parameters", &set_parameters, py::arg("parameters"))
        .def("set_input_scaling", &set_input_scaling, py::arg("shift"), py::arg("scale"));
    module.def(
        "tensors",
        [](const std::vector<int64_t>& sizes, const std::vector<std::string>& activations, const py::dict& structure) {
            return tensor_rows(make_spec(sizes, activations, structure_of(structure)));
        },
        py::arg("sizes"), py::arg("activations"), py::arg("structure") = py::dict(),
        "Names and shapes of the tensors of each layer of a network, which is not made.");
    bind_predict(type);
    bind_quick_predict(type);
}

}  // namespace fastmlp
