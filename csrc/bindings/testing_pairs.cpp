// fastmlp._core.testing: kernels over pairs of bf16 factors, on any instruction set of this CPU; isa "" is the one that dispatch chose.
#include "bindings/matrix.h"
#include "bindings/module.h"
#include "gemm/gemm.h"
#include "network/spec.h"
#include "runtime/dispatch.h"
#include "runtime/team.h"
#include "runtime/trial.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

using Words = py::array_t<Pair>;
using Floats = py::array_t<float>;

const PairKernels& kernels_of(const std::string& isa) { return isa.empty() ? pair_kernels() : pair_kernels(isa); }

// A view whose rows are contiguous and that has at least this shape; None is a null one.
template <class T>
MatrixView<T> at_least(const py::object& array, int64_t rows, int64_t columns, bool writes, const char* name) {
    if (array.is_none()) return {};
    if (!py::isinstance<py::array_t<T>>(array)) throw std::invalid_argument(std::string(name) + " has another type of elements");
    const auto view = matrix<T>(array.cast<py::array_t<T>>(), writes);
    if (view.rows < rows || view.columns < columns || (view.column != 1 && view.columns > 1))
        throw std::invalid_argument(std::string(name) + " must have contiguous rows and at least the shape (" + std::to_string(rows) +
                                    ", " + std::to_string(columns) + ")");
    return view;
}

// c[...] = a @ b over pairs, in place; a or its transpose must have contiguous rows, and c's rows must be contiguous.
void pair_gemm(const Words& a, const Words& b, const Floats& c, const std::string& isa, int threads) {
    const auto av = matrix<Pair>(a, false), bv = matrix<Pair>(b, false);
    const auto cv = at_least<float>(c, av.rows, bv.columns, true, "c");
    if (av.columns != bv.rows || cv.rows != av.rows || cv.columns != bv.columns)
        throw std::invalid_argument("shapes of a, b and c do not match");
    if (av.row != 1 && av.column != 1 && av.rows > 1 && av.columns > 1) throw std::invalid_argument("one of a's strides must be 1");
    const PairKernels& kernels = kernels_of(isa);
    const py::gil_scoped_release released;
    gemm(kernels, cv.rows, cv.columns, av.columns, av.data, av.row, av.column, bv.data, bv.row, bv.column, cv.data, cv.row,
         team_size(1e18, threads));
}

void round_to_pairs(const Floats& x, const py::object& along, const py::object& down, const std::string& isa) {
    const auto from = matrix<float>(x, false);
    at_least<float>(x, 0, 0, false, "x");
    const auto a = at_least<Pair>(along, from.rows, (from.columns + 1) / 2, true, "along");
    const auto d = at_least<Pair>(down, (from.rows + 1) / 2, from.columns, true, "down");
    kernels_of(isa).round({from.rows, from.columns, from.data, from.row, a.data, a.row, d.data, d.row});
}

float pair_backward(const std::string& activation, int64_t samples, const Floats& tile, const Words& y, const Words& delta,
                    const py::object& delta_t, const std::string& isa) {
    const PairKernels& kernels = kernels_of(isa);
    const auto backward = kernels.backward[id_of(activation, Activations::names, Activations::size, "activation")];
    if (backward == nullptr) throw std::invalid_argument("'" + activation + "' is an output unit only");
    const int64_t panel = 2 * kernels.lanes;
    const auto t = at_least<float>(tile, 0, (samples + panel - 1) / panel * panel, false, "tile");
    const auto from = at_least<Pair>(y, (samples + 1) / 2, t.rows, false, "y");
    const auto d = at_least<Pair>(delta, (samples + 1) / 2, t.rows, true, "delta");
    const auto dt = at_least<Pair>(delta_t, (t.rows + 1) / 2, samples, true, "delta_t");
    return backward({t.rows, samples, t.data, t.row, from.data, from.row, d.data, d.row, dt.data, dt.row});
}

void pair_column_sums(int64_t rows, const Words& x, const py::array_t<float, py::array::c_style>& sums, const std::string& isa) {
    const PairKernels& kernels = kernels_of(isa);
    const auto from = at_least<Pair>(x, (rows + 1) / 2, 0, false, "x");
    if (sums.size() != from.columns || from.columns % kernels.lanes != 0)
        throw std::invalid_argument("x must have whole vectors, and as many columns as sums has elements");
    kernels.column_sums(rows, from.columns, from.data, from.row, const_cast<float*>(sums.data()));
}

// Whether a table would be chosen over another; "idle" has tiles that do nothing, faster than any and wrong.
bool pairs_pay(const std::string& best, const std::string& plain) {
    if (best != "idle") return pays(pair_kernels(best), pair_kernels(plain));
    PairKernels idle = pair_kernels(plain);
    for (auto& tiles : idle.tile)
        for (auto& of_width : tiles)
            for (Tile<Pair>& tile : of_width) tile = [](const TileArguments<Pair>&) {};
    return pays(idle, pair_kernels(plain));
}

}  // namespace

void bind_testing_pairs(py::module_& testing) {
    testing.def("pair_gemm", &pair_gemm, py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("c").noconvert(), py::arg("isa") = "",
                py::arg("threads") = 1);
    testing.def("round_to_pairs", &round_to_pairs, py::arg("x").noconvert(), py::arg("along"), py::arg("down"), py::arg("isa") = "");
    testing.def("pair_backward", &pair_backward, py::arg("activation"), py::arg("samples"), py::arg("tile").noconvert(),
                py::arg("y").noconvert(), py::arg("delta").noconvert(), py::arg("delta_t"), py::arg("isa") = "");
    testing.def("pair_column_sums", &pair_column_sums, py::arg("rows"), py::arg("x").noconvert(), py::arg("sums").noconvert(),
                py::arg("isa") = "");
    testing.def("pairs_pay", &pairs_pay, py::arg("best"), py::arg("plain"));
}

}  // namespace fastmlp
