#include "bindings/structure.h"

#include <stdexcept>
#include <string>

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
        else
            throw std::invalid_argument("structure has no '" + name + "'; it has: masked");
    }
    return structure;
}

py::dict as_dict(const Structure& structure) {
    py::dict found;
    if (!structure.masked.empty()) found["masked"] = py::cast(structure.masked);
    return found;
}

py::list tensor_rows(const Spec& spec) {
    py::list layers;
    for (std::size_t l = 0; l < spec.extras.size(); ++l) {
        py::list rows;
        rows.append(tensor_row("weight", py::make_tuple(spec.sizes[l], spec.sizes[l + 1]), true));
        rows.append(tensor_row("bias", py::make_tuple(spec.sizes[l + 1]), true));
        for (const ExtraTensor& one : spec.extras[l])
            rows.append(tensor_row(one.name,
                                   one.rows ? py::tuple(py::make_tuple(one.rows, one.columns)) : py::tuple(py::make_tuple(one.columns)),
                                   one.trained));
        layers.append(rows);
    }
    return layers;
}

}  // namespace fastmlp
