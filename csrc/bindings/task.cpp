#include "bindings/task.h"

#include "bindings/module.h"
#include "network/range.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

constexpr double largest_weight = 1e30;  // of a head: the bound of all numbers that are chosen

Task make_task(const py::object& targets, const std::string& loss, const py::dict& loss_constants, double weight,
               const py::object& sample_weight) {
    require_range("weight", weight, 0, largest_weight);
    return {targets, loss, loss_constants, weight, sample_weight};
}

TaskArrays arrays_of(const Network& network, const Task& task, const Head& head, int64_t samples) {
    const Loss loss = loss_of(head.unit, head.units, task.loss, task.loss_constants);
    return {loss_targets(network, head.units, task.targets, task.sample_weight, samples, loss), loss, task.weight};
}

}  // namespace

std::vector<TaskArrays> task_arrays(const Network& network, const py::object& tasks, int64_t samples) {
    const std::vector<Head>& heads = network.spec.structure.heads;
    if (!py::isinstance<py::sequence>(tasks) || py::len(tasks) != heads.size())
        throw py::value_error("a network of " + std::to_string(heads.size()) + " heads needs a sequence of as many tasks");
    std::vector<TaskArrays> arrays;
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const std::string place = "head " + std::to_string(h) + ": ";
        const py::object task = tasks[py::int_(h)];
        if (!py::isinstance<Task>(task))
            throw py::type_error(place + "a Task is needed; got " + py::str(py::type::of(task).attr("__name__")).cast<std::string>());
        try {
            arrays.push_back(arrays_of(network, task.cast<const Task&>(), heads[h], samples));
        } catch (const py::type_error& error) {
            throw py::type_error(place + error.what());
        } catch (const py::value_error& error) {
            throw py::value_error(place + error.what());
        } catch (const std::invalid_argument& error) {
            throw py::value_error(place + error.what());
        }
    }
    return arrays;
}

void bind_task(py::module_& module) {
    py::class_<Task>(module, "Task", "What one head of a network learns.")
        .def(py::init(&make_task), py::arg("targets"), py::arg("loss"), py::kw_only(), py::arg("loss_constants") = py::dict(),
             py::arg("weight") = 1.0, py::arg("sample_weight") = py::none());
}

}  // namespace fastmlp
