// fastmlp._core.permutation and bootstrap: rows that are drawn, as functions of the seed.
#include "random/draws.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <pybind11/numpy.h>

#include "bindings/module.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// What draw(numbers) has made of so many numbers.
template <class Draw>
py::array_t<int64_t> drawn(int64_t n, const Draw& draw) {
    if (n < 0) throw std::invalid_argument("n = " + std::to_string(n) + " must not be negative");
    std::vector<int64_t> numbers(static_cast<std::size_t>(n));
    draw(numbers);
    return py::array_t<int64_t>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
}

}  // namespace

void bind_draws(py::module_& module) {
    module.def(
        "permutation",
        [](int64_t n, uint64_t seed, uint32_t epoch) {
            return drawn(n, [&](std::vector<int64_t>& order) { permute(order, seed, epoch); });
        },
        py::arg("n"), py::arg("seed"), py::arg("epoch"), "The order in which a trainer takes its samples in an epoch: int64 (n,).");
    module.def(
        "bootstrap",
        [](int64_t n, uint64_t seed, uint32_t model) { return drawn(n, [&](std::vector<int64_t>& rows) { resample(rows, seed, model); }); },
        py::arg("n"), py::arg("seed"), py::arg("model"), "Rows drawn with replacement, for one of the models of a bag: int64 (n,).");
}

}  // namespace fastmlp
