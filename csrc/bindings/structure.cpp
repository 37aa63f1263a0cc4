#include "bindings/structure.h"

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace fastmlp {
namespace {

// owner: the layer whose tensor it is, or whose transpose.
py::dict tensor_row(const std::string& name, const py::tuple& shape, bool trained, int64_t owner) {
    return py::dict(py::arg("name") = name, py::arg("shape") = shape, py::arg("trained") = trained, py::arg("owner") = owner);
}

Head head_from(const py::handle& given, const std::string& place) {
    if (!py::isinstance<py::sequence>(given) || py::len(given) != 2)
        throw py::value_error(place + " must be (units, activation); got " + std::string(py::repr(given)));
    const auto pair = py::reinterpret_borrow<py::sequence>(given);
    try {
        return {pair[0].cast<int64_t>(), chosen_activation(pair[1].cast<std::string>())};
    } catch (const py::cast_error&) {
        throw py::type_error(place + " must be (units, activation); got " + std::string(py::repr(given)));
    }
}

std::vector<Head> heads_of(const py::handle& given) {
    if (!py::isinstance<py::sequence>(given))
        throw py::type_error("heads must be a sequence of (units, activation); got " + std::string(py::repr(given)));
    std::vector<Head> heads;
    for (const py::handle one : given) heads.push_back(head_from(one, "heads[" + std::to_string(heads.size()) + "]"));
    return heads;
}

// Layers are counted from 1 there, as those of skips are.
std::vector<Tie> ties_of(const py::handle& given, const std::string& name) {
    try {
        std::vector<Tie> tied;
        for (const auto& pair : given.cast<std::vector<std::array<int64_t, 2>>>()) tied.push_back({pair[0] - 1, pair[1] - 1});
        return tied;
    } catch (const py::cast_error&) {
        throw py::type_error(name + " must be a sequence of pairs of layer numbers; got " + std::string(py::repr(given)));
    }
}

py::list as_list(const std::vector<Tie>& tied) {
    py::list pairs;
    for (const Tie& tie : tied) pairs.append(py::make_tuple(tie.owner + 1, tie.follower + 1));
    return pairs;
}

template <class Value>
Value read(const std::string& key, const py::handle& value, const char* what) {
    try {
        return value.cast<Value>();
    } catch (const py::cast_error&) {
        throw std::invalid_argument("structure '" + key + "' = " + std::string(py::repr(value)) + " is not " + what);
    }
}

}  // namespace

Structure structure_of(const py::dict& given) {
    Structure structure;
    for (const auto& [key, value] : given) {
        const std::string name = py::str(key);
        if (name == "heads")
            structure.heads = heads_of(value);
        else if (name == "masked")
            structure.masked = read<std::vector<bool>>(name, value, "a list with true or false for each layer");
        else if (name == "normalization")
            for (const auto& text : read<std::vector<std::string>>(name, value, "a list of names, one for each hidden layer"))
                structure.normalization.push_back(chosen_normalization(text));
        else if (name == "skips")
            structure.skips = read<std::vector<std::array<int64_t, 2>>>(name, value, "a list of pairs [from, to]");
        else if (name == "tied" || name == "tied_transposed")
            (name == "tied" ? structure.tied : structure.tied_transposed) = ties_of(value, name);
        else
            throw std::invalid_argument("structure has no '" + name +
                                        "'; it has: heads, masked, normalization, skips, tied, tied_transposed");
    }
    return structure;
}

py::dict as_dict(const Structure& structure) {
    py::dict given;
    py::list heads, normalization;
    for (const Head& head : structure.heads) heads.append(py::make_tuple(head.units, text_of(head.unit)));
    for (const ChosenNormalization& one : structure.normalization) normalization.append(text_of(one));
    if (!structure.heads.empty()) given["heads"] = heads;
    if (!structure.masked.empty()) given["masked"] = py::cast(structure.masked);
    if (!structure.normalization.empty()) given["normalization"] = normalization;
    if (!structure.skips.empty()) given["skips"] = py::cast(structure.skips);
    if (!structure.tied.empty()) given["tied"] = as_list(structure.tied);
    if (!structure.tied_transposed.empty()) given["tied_transposed"] = as_list(structure.tied_transposed);
    return given;
}

py::list tensor_rows(const Spec& spec) {
    py::list layers;
    for (std::size_t l = 0; l < spec.extras.size(); ++l) {
        const int64_t columns = spec.columns(static_cast<int64_t>(l));
        py::list rows;
        const int64_t owner = spec.structure.owner_of(static_cast<int64_t>(l));
        const int64_t weight_owner = spec.structure.weight_owner_of(static_cast<int64_t>(l));
        rows.append(tensor_row("weight", py::make_tuple(spec.sizes[l], columns), true, weight_owner));
        rows[0]["transposed"] = weight_owner != owner;
        rows.append(tensor_row("bias", py::make_tuple(columns), true, owner));
        for (const ExtraTensor& one : spec.extras[l])
            rows.append(tensor_row(one.name,
                                   one.rows ? py::tuple(py::make_tuple(one.rows, one.columns)) : py::tuple(py::make_tuple(one.columns)),
                                   one.trained, static_cast<int64_t>(l)));
        layers.append(rows);
    }
    return layers;
}

}  // namespace fastmlp
