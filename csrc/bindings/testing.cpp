// fastmlp._core.testing: raw kernels, switches and rates of the machine, for tests and the benchmark alone.
#include <algorithm>
#include <map>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/matrix.h"
#include "bindings/module.h"
#include "gemm/gemm.h"
#include "math/catalog.h"
#include "network/fast_ways.h"
#include "network/mixup.h"
#include "network/optimizer.h"
#include "network/spec.h"
#include "random/draws.h"
#include "runtime/arena.h"
#include "runtime/dispatch.h"
#include "runtime/measure.h"
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
    const char* const names[] = {"exp", "log", "log1p", "sigmoid", "tanh", "sqrt", "expm1_of_negative", "normal_cdf"};
    const auto map = table<T>(kernels()).map[id_of(name, names, functions, "function")];
    py::array_t<T> y(x.size());
    run_team(1, [&](const Member&) { map(x.size(), x.data(), y.mutable_data()); });
    return y;
}

double operation_rate_by_name(const std::string& name, int threads, double seconds) {
    const char* const names[] = {"fma"};
    const int id = id_of(name, names, operations, "operation");
    const py::gil_scoped_release released;
    return operation_rate(static_cast<Operation>(id), threads, seconds);
}

// The parameters (steps, n) that an optimizer makes of w (n) with the gradients (steps, n), each a sum over `batch` samples, and
// its states at the end.
template <class T>
py::tuple optimize(const std::string& name, const std::map<std::string, double>& hyperparameters,
                   const py::array_t<T, py::array::c_style>& w, const py::array_t<T, py::array::c_style>& gradients, int64_t batch,
                   bool biases, double clip_value) {
    if (gradients.ndim() != 2 || gradients.shape(1) != w.size()) throw std::invalid_argument("gradients must be (steps, n), w (n)");
    const int64_t steps = gradients.shape(0), n = w.size();
    const Parameters<T> parameters(make_spec({1, n}, {"identity"})), gradient(make_spec({1, n}, {"identity"}));
    UpdateRule rule(make_optimizer(name, {hyperparameters.begin(), hyperparameters.end()}));
    rule.clip_value = clip_value;
    OptimizerState<T> optimizer(rule, 1);
    const Arena memory = place([&](Arena& in) { optimizer.take(in, parameters); });
    UpdateArguments<T> arguments{};
    arguments.gradient = gradient[0].weight;
    arguments.weight = parameters[0].weight;
    for (std::size_t s = 0; s < largest_states; ++s) arguments.state[s] = optimizer.weights[0][s];
    arguments.rows = 1;
    arguments.columns = n;
    arguments.share = T(1) / static_cast<T>(batch);
    arguments.limit = static_cast<T>(clip_value);
    const ParameterGroup<T>& group = biases ? optimizer.of_biases(0) : optimizer.of_weights(0);
    arguments.scalar = group.scalars.data();
    std::copy_n(w.data(), n, parameters[0].weight);
    py::array_t<T> after({steps, n});
    run_team(1, [&](const Member&) {
        for (int64_t step = 0; step < steps; ++step) {
            std::copy_n(gradients.data() + step * n, n, gradient[0].weight);
            optimizer.next_step();
            table<T>(kernels()).update[group.with.id][group.form][optimizer.clips_values()](arguments);
            std::copy_n(parameters[0].weight, n, after.mutable_data() + step * n);
        }
    });
    py::list states;
    for (std::size_t state = 0; state < static_cast<std::size_t>(optimizer.states); ++state)
        states.append(py::array_t<T>(n, optimizer.weights[0][state]));
    return py::make_tuple(after, states);
}

}  // namespace

void bind_testing(py::module_& module) {
    py::module_ testing = module.def_submodule("testing", "Raw kernels, switches and rates, for tests and the benchmark alone.");
    bind_testing_pairs(testing);
    testing.def("gemm", &gemm_into<float>, py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("c").noconvert(),
                py::arg("threads") = 1);
    testing.def("gemm", &gemm_into<double>, py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("c").noconvert(),
                py::arg("threads") = 1);
    testing.def("function", &map_function<float>, py::arg("name"), py::arg("x").noconvert());
    testing.def("function", &map_function<double>, py::arg("name"), py::arg("x").noconvert());
    const auto optimize_arguments = [&](auto* function) {
        testing.def("optimize", function, py::arg("optimizer"), py::arg("hyperparameters"), py::arg("w").noconvert(),
                    py::arg("gradients").noconvert(), py::arg("batch") = 1, py::arg("biases") = false, py::arg("clip_value") = 0.0);
    };
    optimize_arguments(&optimize<float>);
    optimize_arguments(&optimize<double>);
    testing.def(
        "update_bound",
        [](const std::string& name, const std::map<std::string, double>& hyperparameters, double gradient, double parameters) {
            const UpdateRule rule(make_optimizer(name, {hyperparameters.begin(), hyperparameters.end()}));
            return OptimizerState<double>(rule, 1).bound(gradient, parameters);
        },
        py::arg("optimizer"), py::arg("hyperparameters"), py::arg("gradient"), py::arg("parameters"));
    testing.def(
        "schedule_factors",
        [](const std::string& name, const std::map<std::string, double>& values, int64_t samples, int64_t batch, int64_t epochs,
           int64_t steps, int64_t reductions) {
            Schedule schedule = make_schedule(name, {values.begin(), values.end()});
            set_time(schedule, samples, batch, epochs);
            std::vector<double> factors;
            for (int64_t taken = 0; taken < steps; ++taken) factors.push_back(schedule.factor(taken, reductions));
            return factors;
        },
        py::arg("schedule"), py::arg("values"), py::arg("samples"), py::arg("batch"), py::arg("epochs"), py::arg("steps"),
        py::arg("reductions") = 0);
    py::class_<Pace>(testing, "Pace")
        .def(py::init<int>(), py::arg("largest"))
        .def_property_readonly("size", &Pace::size)
        .def_property_readonly("slice_seconds", &Pace::slice_seconds)
        .def("record", &Pace::record, py::arg("seconds"), py::arg("steps"));
    testing.def("force_team_size", &force_team_size, py::arg("threads"), "Every team starts with exactly this size; 0 ends it.");
    using Released = py::call_guard<py::gil_scoped_release>;
    testing.def("operation_rate", &operation_rate_by_name, py::arg("name"), py::arg("threads"), py::arg("seconds"));
    testing.def("memory_rate", &memory_rate, py::arg("writes"), py::arg("threads"), py::arg("seconds"), Released());
    testing.def("barrier_seconds", &barrier_seconds, py::arg("threads"), py::arg("seconds"), Released());
    testing.def("ping_pong_seconds", &ping_pong_seconds, Released());
    testing.def(
        "allow",
        [](bool skipping, bool compacting, bool few, bool narrow, bool updating, bool packing, bool sparse) {
            allowed() = {skipping, compacting, few, narrow, updating, packing, sparse};
        },
        py::kw_only(), py::arg("skipping") = true, py::arg("compacting") = true, py::arg("few") = true, py::arg("narrow") = true,
        py::arg("updating") = true, py::arg("packing") = true, py::arg("sparse") = true,
        "Which fast ways new trainers and predictions may take; their plain ways give the same bits.");
    testing.def(
        "mixing",
        [](double alpha, uint64_t seed, int64_t step, int64_t place, int64_t first, int64_t count) {
            const Mixing drawn = draw_mixing(alpha, seed, step, place, first, count);
            return py::make_tuple(drawn.partner, drawn.share);
        },
        py::arg("alpha"), py::arg("seed"), py::arg("step"), py::arg("place"), py::arg("first"), py::arg("count"));
    testing.def(
        "philox",
        [](uint64_t seed, uint32_t purpose, uint32_t layer, uint32_t step, uint32_t row, uint32_t column) {
            return philox({seed, static_cast<Purpose>(purpose), layer, step}, row, column);
        },
        py::arg("seed"), py::arg("purpose"), py::arg("layer"), py::arg("step"), py::arg("row"), py::arg("column"));
}

}  // namespace fastmlp
