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
Value read(const std::string& name, const py::handle& value) {
    try {
        return value.cast<Value>();
    } catch (const py::cast_error&) {
        throw py::type_error("structure: " + name + " = " + std::string(py::repr(value)) + " is not what it should be");
    }
}

}  // namespace

Structure structure_of(const py::dict& given) {
    Structure structure;
    for (const auto& [key, value] : given) {
        const std::string name = py::str(key);
        if (name == "normalization")
            for (const auto& text : read<std::vector<std::string>>(name, value))
                structure.normalization.push_back(chosen_normalization(text));
        else if (name == "skips")
            structure.skips = read<std::vector<std::array<int64_t, 2>>>(name, value);
        else
            throw std::invalid_argument("structure has no '" + name + "'; it has: normalization, skips");
    }
    return structure;
}

py::dict as_dict(const Structure& structure) {
    py::dict dict;
    if (!structure.normalization.empty()) {
        py::list texts;
        for (const ChosenNormalization& one : structure.normalization) texts.append(text_of(one));
        dict["normalization"] = texts;
    }
    if (!structure.skips.empty()) dict["skips"] = structure.skips;
    return dict;
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
