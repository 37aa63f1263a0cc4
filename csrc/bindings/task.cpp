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

Head head_from(const py::handle& given, const std::string& place) {
    if (!py::isinstance<py::sequence>(given) || py::len(given) != 2)
        throw py::value_error(place + " must be (units, activation); got " + std::string(py::repr(given)));
    const auto pair = py::reinterpret_borrow<py::sequence>(given);
    try {
        const Head head{pair[0].cast<int64_t>(), chosen_activation(pair[1].cast<std::string>())};
        if (head.units < 1) throw py::value_error(place + " has " + std::to_string(head.units) + " units; it needs at least 1");
        return head;
    } catch (const py::cast_error&) {
        throw py::type_error(place + " must be (units, activation); got " + std::string(py::repr(given)));
    }
}

}  // namespace

std::vector<Head> heads_from(const py::object& given, const Spec& spec) {
    std::vector<Head> heads;
    int64_t units = 0;
    for (const py::handle one : given) {
        heads.push_back(head_from(one, "heads[" + std::to_string(heads.size()) + "]"));
        units = checked_sum(units, heads.back().units);
    }
    if (heads.empty()) return heads;
    if (units != spec.outputs())
        throw py::value_error("the heads have " + std::to_string(units) + " units; the last layer has " + std::to_string(spec.outputs()));
    if (spec.output_unit() != IdOf<Identity, Activations>::value)
        throw py::value_error(std::string("with heads the last layer's activation must be '") + Identity::name + "', as each head has its own; got '" +
                              text_of(spec.activations.back()) + "'");
    return heads;
}

py::list heads_as_list(const std::vector<Head>& heads) {
    py::list list;
    for (const Head& head : heads) list.append(py::make_tuple(head.units, text_of(head.unit)));
    return list;
}

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
