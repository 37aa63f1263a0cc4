// fastmlp._core.train_perceptron: the rule of a single unit, with what it has met on its way.
#include "network/perceptron.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include <pybind11/numpy.h>

#include "bindings/calls.h"
#include "bindings/module.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

template <class T>
py::array_t<T> array_of(const std::vector<T>& values) {
    return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

void require_sides(const py::array_t<double, py::array::c_style>& x, const py::array_t<int8_t, py::array::c_style>& sides) {
    if (x.ndim() != 2 || x.shape(0) < 1 || x.shape(1) < 1) throw std::invalid_argument("x must be (samples, features), not empty");
    if (sides.ndim() != 1 || sides.shape(0) != x.shape(0))
        throw std::invalid_argument("sides must be (samples,): -1 or +1 for each of " + std::to_string(x.shape(0)));
    for (py::ssize_t i = 0; i < x.size(); ++i)
        if (!std::isfinite(x.data()[i])) throw std::invalid_argument("x holds a value that is NaN or infinite");
    for (py::ssize_t i = 0; i < sides.size(); ++i)
        if (sides.data()[i] != 1 && sides.data()[i] != -1)
            throw std::invalid_argument("sides[" + std::to_string(i) + "] = " + std::to_string(sides.data()[i]) + " is neither -1 nor +1");
}

py::dict as_dict(const PerceptronRun& run, py::ssize_t width, bool keeps_history) {
    const char* const ends[] = {"converged", "out of updates", "not finite", "interrupted"};
    py::dict found(py::arg("end") = ends[static_cast<int>(run.end)], py::arg("last") = array_of(run.last),
                   py::arg("last_mistakes") = run.last_mistakes, py::arg("pocket") = array_of(run.pocket),
                   py::arg("pocket_mistakes") = run.pocket_mistakes, py::arg("picked") = array_of(run.picked),
                   py::arg("proof") = py::none(), py::arg("history") = py::none(), py::arg("mistakes") = py::none());
    if (!run.proof.empty()) found["proof"] = py::make_tuple(array_of(run.proof), run.proof_begin, run.proof_end);
    if (keeps_history) {
        found["history"] = array_of(run.history).reshape(std::vector<py::ssize_t>{-1, width});
        found["mistakes"] = array_of(run.mistakes);
    }
    return found;
}

py::dict perceptron(const py::array_t<double, py::array::c_style>& x, const py::array_t<int8_t, py::array::c_style>& sides,
                    double learning_rate, uint64_t seed, int64_t max_updates, bool keep_history) {
    require_sides(x, sides);
    if (!(learning_rate > 0 && std::isfinite(learning_rate)))
        throw std::invalid_argument("learning_rate = " + std::to_string(learning_rate) + " must be a finite number greater than 0");
    if (max_updates < 1) throw std::invalid_argument("max_updates = " + std::to_string(max_updates) + " must be at least 1");
    PythonPoll python;
    const Poll poll = python.poll();
    PerceptronRun run;
    {
        const py::gil_scoped_release released;
        run = train_perceptron({x.data(), sides.data(), x.shape(0), x.shape(1)}, {learning_rate, seed, max_updates, keep_history}, poll);
    }
    python.rethrow();
    return as_dict(run, x.shape(1) + 1, keep_history);
}

}  // namespace

void bind_perceptron(py::module_& module) {
    module.def("train_perceptron", &perceptron, py::arg("x"), py::arg("sides"), py::kw_only(), py::arg("learning_rate"), py::arg("seed"),
               py::arg("max_updates"), py::arg("keep_history") = false,
               "Trains a perceptron by its own rule: x (samples, features), sides (samples,) of -1 and +1.");
}

}  // namespace fastmlp
