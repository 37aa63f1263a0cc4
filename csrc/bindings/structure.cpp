#include "bindings/structure.h"

#include <stdexcept>
#include <string>

namespace py = pybind11;

namespace fastmlp {
namespace {

py::dict tensor_row(const std::string& name, const py::tuple& shape, bool trained) {
    return py::dict(py::arg("name") = name, py::arg("shape") = shape, py::arg("trained") = trained);
}

}  // namespace

Structure structure_of(const py::dict& given) {
    for (const auto& [key, value] : given)
        throw std::invalid_argument("structure has no '" + std::string(py::str(key)) + "'; it has nothing yet");
    return {};
}

py::dict as_dict(const Structure&) { return {}; }

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
