// fastmlp._core.minimize: the descents of training over a Python function, with the path that they take.
#include <limits>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/module.h"
#include "network/descent_methods.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// x -> (value, gradient). What it raises passes through the descent.
class PythonFunction : public Objective {
public:
    PythonFunction(py::object function, std::size_t size) : function_(std::move(function)), size_(size) {}

    bool evaluate(const std::vector<double>& x, double& value, std::vector<double>& gradient) override {
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        const py::object result = function_(py::array_t<double>(static_cast<py::ssize_t>(x.size()), x.data()));
        if (!py::isinstance<py::sequence>(result) || py::len(result) != 2)
            throw py::type_error("the function must return a pair (value, gradient); got " +
                                 py::str(py::type::of(result).attr("__name__")).cast<std::string>());
        const auto pair = py::reinterpret_borrow<py::sequence>(result);
        value = py::float_(py::object(pair[0])).cast<double>();
        const auto given = py::array_t < double, py::array::c_style | py::array::forcecast > ::ensure(py::object(pair[1]));
        if (!given) throw py::error_already_set();
        if (given.ndim() != 1 || static_cast<std::size_t>(given.size()) != size_)
            throw py::value_error("the gradient has shape " + shape_text(given) + "; x has shape (" + std::to_string(size_) + ",)");
        gradient.assign(given.data(), given.data() + given.size());
        return true;
    }

private:
    py::object function_;
    std::size_t size_;
};

py::array_t<double> rows_of(const std::vector<std::vector<double>>& rows, std::size_t columns) {
    py::array_t<double> array({rows.size(), columns});
    for (std::size_t i = 0; i < rows.size(); ++i)
        std::copy(rows[i].begin(), rows[i].end(), array.mutable_data(static_cast<py::ssize_t>(i), 0));
    return array;
}

template <class T>
py::array_t<T> vector_of(const std::vector<T>& numbers) {
    return py::array_t<T>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
}

// Where a descent has been: a row for each point, and for each step between two of them.
struct Path {
    std::vector<std::vector<double>> points, gradients, directions;
    std::vector<double> values, steps;
    std::vector<int64_t> evaluations;

    void add_point(const Descent<double>& descent) {
        points.push_back(descent.x());
        gradients.push_back(descent.gradient());
        values.push_back(descent.value());
    }
    void add_step(const Descent<double>& descent, const Iteration& done) {
        directions.push_back(descent.direction());
        steps.push_back(done.step);
        evaluations.push_back(done.evaluations);
        add_point(descent);
    }
    py::dict as_dict(const std::string& reason) const {
        const std::size_t columns = points.front().size();
        return py::dict(py::arg("points") = rows_of(points, columns), py::arg("values") = vector_of(values),
                        py::arg("gradients") = rows_of(gradients, columns), py::arg("directions") = rows_of(directions, columns),
                        py::arg("step_lengths") = vector_of(steps), py::arg("evaluations") = vector_of(evaluations),
                        py::arg("reason") = reason);
    }
};

py::dict minimize(const py::object& function, const py::array_t<double, py::array::c_style | py::array::forcecast>& start,
                  const std::string& method, const std::string& line_search, int64_t max_iterations, const py::kwargs& numbers) {
    if (start.ndim() != 1 || start.size() < 1)
        throw std::invalid_argument("start has shape " + shape_text(start) + "; it must be a vector of one number or more");
    if (max_iterations < 0) throw std::invalid_argument("max_iterations = " + std::to_string(max_iterations) + " must not be negative");
    Named named;
    for (const auto& [key, value] : numbers) named.emplace_back(py::str(key), py::float_(py::reinterpret_borrow<py::object>(value)));
    Descent<double> descent(make_descent(method, named, line_search, std::numeric_limits<double>::epsilon()));
    if (descent.rules.l2 != 0) throw std::invalid_argument("l2 is for training; a function has its penalties itself");
    std::vector<double> x(start.data(), start.data() + start.size());
    PythonFunction objective(function, x.size());
    descent.start(objective, std::move(x));
    Path path;
    path.add_point(descent);
    DescentEnd end = descent.ended();
    for (int64_t i = 0; i < max_iterations && end == DescentEnd::none; ++i) {
        const Iteration done = descent.iterate(objective);
        if (done.moved) path.add_step(descent, done);
        end = done.end;
    }
    return path.as_dict(end == DescentEnd::not_finite ? "the function or its gradient is not finite at start"
                                                      : reason_of(end, descent.rules));
}

}  // namespace

void bind_minimize(py::module_& module) {
    module.def("minimize", &minimize, py::arg("function"), py::arg("start"), py::arg("method"), py::arg("line_search") = "",
               py::arg("max_iterations") = 100, "The path of a descent over a function x -> (value, gradient).");
}

}  // namespace fastmlp
