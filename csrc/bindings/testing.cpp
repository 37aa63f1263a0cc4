// fastmlp._core.testing: raw kernels and switches, for the tests alone.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/matrix.h"
#include "bindings/module.h"
#include "gemm/gemm.h"
#include "math/catalog.h"
#include "network/spec.h"
#include "random/draws.h"
#include "runtime/arena.h"
#include "runtime/dispatch.h"
#include "runtime/pace.h"
#include "runtime/team.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// c[...] = a @ b, in place; a or its transpose must have contiguous rows, and c's rows must be contiguous.
template <class T>
void gemm_into(const py::array_t<T>& a, const py::array_t<T>& b, const py::array_t<T>& c, int threads) {
    const auto av = matrix<T>(a, false), bv = matrix<T>(b, false), cv = matrix<T>(c, true);
    if (av.columns != bv.rows || cv.rows != av.rows || cv.columns != bv.columns)
        throw std::invalid_argument("shapes of a, b and c do not match");
    if (av.row != 1 && av.column != 1 && av.rows > 1 && av.columns > 1) throw std::invalid_argument("one of a's strides must be 1");
    if (cv.column != 1 && cv.columns > 1) throw std::invalid_argument("c's rows must be contiguous");
    const py::gil_scoped_release released;
    gemm(table<T>(kernels()), cv.rows, cv.columns, av.columns, av.data, av.row, av.column, bv.data, bv.row, bv.column, cv.data, cv.row,
         team_size(1e18, threads));
}

template <class T>
py::array_t<T> map_function(const std::string& name, const py::array_t<T, py::array::c_style>& x) {
    const char* const names[] = {"exp", "log", "log1p", "sigmoid", "tanh"};
    const auto map = table<T>(kernels()).map[id_of(name, names, functions, "function")];
    py::array_t<T> y(x.size());
    run_team(1, [&](const Member&) { map(x.size(), x.data(), y.mutable_data()); });
    return y;
}

}  // namespace

void bind_testing(py::module_& module) {
    py::module_ testing = module.def_submodule("testing", "Raw kernels and switches, for the tests alone.");
    bind_testing_pairs(testing);
    testing.def("gemm", &gemm_into<float>, py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("c").noconvert(),
                py::arg("threads") = 1);
    testing.def("gemm", &gemm_into<double>, py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("c").noconvert(),
                py::arg("threads") = 1);
    testing.def("function", &map_function<float>, py::arg("name"), py::arg("x").noconvert());
    testing.def("function", &map_function<double>, py::arg("name"), py::arg("x").noconvert());
    py::class_<Pace>(testing, "Pace")
        .def(py::init<int>(), py::arg("largest"))
        .def_property_readonly("size", &Pace::size)
        .def_property_readonly("slice_seconds", &Pace::slice_seconds)
        .def("record", &Pace::record, py::arg("seconds"), py::arg("steps"));
    testing.def("force_team_size", &force_team_size, py::arg("threads"), "Every team starts with exactly this size; 0 ends it.");
    testing.def(
        "philox",
        [](uint64_t seed, uint32_t purpose, uint32_t layer, uint32_t step, uint32_t row, uint32_t column) {
            return philox({seed, static_cast<Purpose>(purpose), layer, step}, row, column);
        },
        py::arg("seed"), py::arg("purpose"), py::arg("layer"), py::arg("step"), py::arg("row"), py::arg("column"));
}

}  // namespace fastmlp
