#include "bindings/structure.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace fastmlp {
namespace {

py::dict tensor_row(const std::string& name, const py::tuple& shape, bool trained) {
    return py::dict(py::arg("name") = name, py::arg("shape") = shape, py::arg("trained") = trained);
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
        if (name == "masked")
            structure.masked = read<std::vector<bool>>(name, value, "a list with true or false for each layer");
        else if (name == "normalization")
            for (const auto& text : read<std::vector<std::string>>(name, value, "a list of names, one for each hidden layer"))
                structure.normalization.push_back(chosen_normalization(text));
        else if (name == "skips")
            structure.skips = read<std::vector<std::array<int64_t, 2>>>(name, value, "a list of pairs [from, to]");
        else
            throw std::invalid_argument("structure has no '" + name + "'; it has: masked, normalization, skips");
    }
    return structure;
}

py::dict as_dict(const Structure& structure) {
    py::dict found;
    if (!structure.masked.empty()) found["masked"] = py::cast(structure.masked);
    if (!structure.normalization.empty()) {
        py::list texts;
        for (const ChosenNormalization& one : structure.normalization) texts.append(text_of(one));
        found["normalization"] = texts;
    }
    if (!structure.skips.empty()) found["skips"] = py::cast(structure.skips);
    return found;
}

py::list tensor_rows(const Spec& spec) {
    py::list layers;
    for (std::size_t l = 0; l < spec.extras.size(); ++l) {
        const int64_t columns = spec.columns(static_cast<int64_t>(l));
        py::list rows;
        rows.append(tensor_row("weight", py::make_tuple(spec.sizes[l], columns), true));
        rows.append(tensor_row("bias", py::make_tuple(columns), true));
        for (const ExtraTensor& one : spec.extras[l])
            rows.append(tensor_row(one.name,
                                   one.rows ? py::tuple(py::make_tuple(one.rows, one.columns)) : py::tuple(py::make_tuple(one.columns)),
                                   one.trained));
        layers.append(rows);
    }
    return layers;
}

}  // namespace fastmlp
