// fastmlp._core.Trainer: one network, one data set, epoch after epoch.
#include <algorithm>
#include <memory>
#include <numeric>

#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/calls.h"
#include "bindings/claim.h"
#include "bindings/custom_loss.h"
#include "bindings/epoch_result.h"
#include "bindings/masks.h"
#include "bindings/module.h"
#include "bindings/network.h"
#include "bindings/task.h"
#include "bindings/trainer_options.h"
#include "bindings/trainer_state.h"
#include "network/descent_methods.h"
#include "network/epoch.h"
#include "network/mask.h"
#include "network/range.h"
#include "network/structured_spec.h"
#include "random/draws.h"
#include "runtime/dispatch.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

struct Options {
    Loss loss;
    py::object custom;  // a function instead of it, or None
    UpdateRule rule;
    int64_t batch;
    uint64_t seed;
    bool shuffle;
    int threads;
    bool mixed;
    int64_t epochs;
    DropoutChoices dropout;
    AugmentOptions augmentation;
    double mixup, noise, max_norm;
    std::optional<double> ema_decay;
    bool record_steps;
};

class Trainer {
public:
    Trainer(NetworkPointer network, const py::object& x, const py::object& targets, const py::object& sample_weight, const Options& options)
        : network_(std::move(network)), claim_(network_), options_(options) {
        const auto lock = network_->read();
        require_trainable(network_->spec);
        inputs_ = input_array(x, network_->spec.inputs(), "x");
        require_finite(inputs_, network_->spec.inputs(), "x");
        const Spec& spec = network_->spec;
        if (spec.structure.heads.empty())
            targets_ = loss_targets(*network_, spec.outputs(), targets, sample_weight, inputs_.view.count, options_.loss);
        else
            tasks_ = task_arrays(*network_, targets, inputs_.view.count);
        options_.batch = options_.rule.full_batch ? inputs_.view.count : std::min(options_.batch, inputs_.view.count);
        require_whole_batches(network_->spec, options_.batch);
        require_sound(options_.rule, network_->spec.layers());
        set_time(options_.rule.schedule, inputs_.view.count, options_.batch, options_.epochs);
        with_parameters(*network_, [this](auto& parameters) {
            using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
            const int threads = step_team(parameters, options_.batch, options_.threads);
            PlanChoices choices{options_.batch, options_.rule, table<T>(kernels()).lanes, threads};
            choices.mostly_zeros = mostly_zeros(network_->scaled(inputs_.view), network_->spec.inputs());
            choices.dropout = options_.dropout;
            choices.dropout.total *= options_.rule.schedule.steps;
            choices.augmentation = options_.augmentation;
            choices.mixup = options_.mixup;
            choices.noise = options_.noise;
            choices.max_norm = options_.max_norm;
            choices.seed = options_.seed;
            if (options_.mixed) choices.pairs = &pair_kernels();
            choices.custom_loss = !options_.custom.is_none();
            choices.ema_decay = options_.ema_decay;
            plan_ = std::make_unique<StepPlan<T>>(parameters, choices);
        });
        if (!options_.custom.is_none()) custom_ = std::make_unique<PythonLoss>(options_.custom, targets_);
        order_.resize(options_.shuffle ? static_cast<std::size_t>(inputs_.view.count) : 0);
    }

    void close() {
        if (running_) throw std::runtime_error("the trainer is running an epoch; close it when that has ended");
        claim_.release();
    }

    // `so_far`: what an interrupted call has left of this epoch; the rest of its steps are taken.
    EpochResult run_epoch(uint32_t epoch, const py::object& progress, const EpochResult* so_far) {
        if (!claim_.held()) throw std::runtime_error("the trainer is closed");
        if (so_far != nullptr) require_begun(*so_far, epoch, options_.batch, inputs_.view.count, tasks_.size());
        if (running_.exchange(true)) throw std::runtime_error("the trainer is already running an epoch");
        const std::unique_ptr<std::atomic<bool>, void (*)(std::atomic<bool>*)> running(&running_, [](auto* flag) { *flag = false; });
        last_ = {};
        if (so_far != nullptr) last_ = *so_far;
        last_.recorded = options_.record_steps ? &recorded_ : nullptr;
        last_.epoch = epoch;
        last_.tally.heads.resize(tasks_.size());
        EpochResult report = last_;  // grows without the GIL; last_ is only touched with it
        PythonPoll python([&] {
            last_ = report;
            if (!progress.is_none()) progress(report.tally.samples);
        });
        const Poll poll = python.poll();
        {
            const py::gil_scoped_release released;
            const auto lock = network_->write();
            if (options_.shuffle) permute(order_, options_.seed, epoch);
            const int64_t* const order = options_.shuffle ? order_.data() : nullptr;
            with_parameters(*network_, [&](auto& parameters) {
                using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
                const auto custom = custom_ ? custom_->on<T>(parameters, std::get<std::unique_ptr<StepPlan<T>>>(plan_)->chunk) : nullptr;
                const LossInUse<T> loss(table<T>(kernels()), options_.loss, network_->spec.output_unit());
                const HeadLosses<T> heads = head_losses(table<T>(kernels()), parameters, tasks_);
                const StepContext<T> context{table<T>(kernels()),
                                             parameters,
                                             *std::get<std::unique_ptr<StepPlan<T>>>(plan_),
                                             network_->scaled(inputs_.view),
                                             view_of<T>(targets_, network_->spec.outputs()),
                                             loss,
                                             custom.get(),
                                             tasks_.empty() ? nullptr : &heads};
                parameters.forget_zeros();  // prediction reads W until they are found again
                fastmlp::run_epoch(context, order, inputs_.view.count, poll, report);
                if (has_masks(parameters)) parameters.find_zeros();
            });
        }
        if (options_.rule.full_batch) report.stop_reason = reason_of(report.stop, *options_.rule.full_batch);
        last_ = report;
        python.rethrow();
        if (custom_) custom_->rethrow();
        if (last_.end == EpochEnd::not_finite) {
            const std::string message = "training diverged in epoch " + std::to_string(epoch) + ", step " + std::to_string(last_.steps) +
                                        ": the step would have made a weight or the loss infinite or NaN; it was not taken";
            PyErr_SetString(PyExc_FloatingPointError, message.c_str());
            throw py::error_already_set();
        }
        return last_;
    }
    EpochResult last_epoch() const { return last_; }
    py::array recorded_steps() const {
        if (running_) throw std::runtime_error("the trainer is running an epoch; its steps can be had when that has ended");
        return array_of(recorded_);
    }

    int threads() const {
        return std::visit([](const auto& plan) { return static_cast<int>(plan->scratch.size()); }, plan_);
    }

    py::dict state() const {
        require_rest();
        py::dict state;
        with_plan([&](const auto& plan, const auto& parameters) { state = state_of(plan, parameters); });
        return state;
    }
    py::object average() const {
        require_rest();
        py::object average = py::none();
        with_plan([&](const auto& plan, const auto& parameters) {
            if (plan.optimizer.steps > 0) average = average_of(plan, parameters);
        });
        return average;
    }
    void set_state(int64_t steps, const py::sequence& states, const py::object& average) {
        require_rest();
        with_plan([&](auto& plan, const auto& parameters) { fastmlp::set_state(plan, parameters, steps, states, average); });
    }
    void set_masks(const py::sequence& masks) {
        require_rest();
        if (options_.rule.full_batch) throw std::invalid_argument("masks do not change where a step takes all samples");
        const auto lock = network_->try_write();
        if (!lock) throw std::runtime_error("the network is in use by another call; set masks when that has ended");
        with_parameters(*network_, [&](auto& parameters) {
            using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
            fastmlp::set_masks(*std::get<std::unique_ptr<StepPlan<T>>>(plan_), parameters, masks);
            parameters.find_zeros();
        });
    }
    int64_t reductions() const {
        return std::visit([](const auto& plan) { return plan->optimizer.reductions; }, plan_);
    }
    void set_reductions(int64_t count) {
        if (running_) throw std::runtime_error("the trainer is running an epoch; set reductions when that has ended");
        if (count < 0) throw std::invalid_argument("reductions = " + std::to_string(count) + " must not be negative");
        std::visit([count](const auto& plan) { plan->optimizer.reductions = count; }, plan_);
    }

    std::vector<std::string> fast_ways() const {
        return std::visit([](const auto& plan) { return names_of(plan->ways); }, plan_);
    }

private:
    void require_rest() const {
        if (!claim_.held()) throw std::runtime_error("the trainer is closed");
        if (running_) throw std::runtime_error("the trainer is running an epoch; its state can be had when that has ended");
    }
    template <class Action>
    void with_plan(const Action& action) const {
        const auto lock = network_->read();
        with_parameters(*network_, [&](const auto& parameters) {
            using T = typename ElementOf<std::decay_t<decltype(parameters)>>::type;
            action(*std::get<std::unique_ptr<StepPlan<T>>>(plan_), parameters);
        });
    }

    NetworkPointer network_;
    Claim claim_;
    Options options_;
    InputArray inputs_{};
    TargetArray targets_{};
    std::vector<TaskArrays> tasks_;  // instead of targets_, where the network has heads
    std::unique_ptr<PythonLoss> custom_;
    std::variant<std::unique_ptr<StepPlan<float>>, std::unique_ptr<StepPlan<double>>> plan_;
    std::vector<int64_t> order_;
    std::vector<StepFigures> recorded_;
    EpochResult last_;
    std::atomic<bool> running_{false};
};

std::unique_ptr<Trainer> make_trainer(const NetworkPointer& network, const py::object& x, const py::object& targets, const py::object& loss,
                                      const std::string& optimizer, int64_t batch_size, uint64_t seed, bool shuffle, int threads,
                                      const std::string& precision, const std::string& schedule, int64_t epochs, double clip_value,
                                      double clip_norm, std::vector<double> layer_rates, double bias_rate,
                                      const std::vector<double>& dropout, const std::string& dropout_schedule, double dropout_epochs,
                                      const py::dict& augmentation, double mixup, double noise, double max_norm,
                                      const py::dict& loss_constants, const py::object& sample_weight, std::optional<double> ema_decay,
                                      const std::string& line_search, bool record_steps, const py::kwargs& numbers) {
    if (batch_size < 1) throw std::invalid_argument("batch_size = " + std::to_string(batch_size) + " must be at least 1");
    if (threads < 0) throw std::invalid_argument("threads = " + std::to_string(threads) + " must be 0 (automatic) or more");
    const bool mixed = id_of(precision, precisions, 2, "precision") == static_cast<int>(Precision::bf16);
    if (mixed && network->double_precision())
        throw std::invalid_argument("precision 'bf16' is for networks of dtype float32; this one is float64");
    if (mixed && !network->spec.is_plain())
        throw std::invalid_argument("precision 'bf16' is for layers f(x W + b) alone; this network has more: use 'full'");
    const DropoutChoices dropped = dropout_of(network->spec, dropout, dropout_schedule, dropout_epochs);
    require_range(mixup_row.name, mixup, mixup_row.least, mixup_row.below);
    for (const auto& [name, value] : {std::pair{"noise", noise}, std::pair{"max_norm", max_norm}})
        if (!(value >= 0 && value < unlimited))
            throw std::invalid_argument(std::string(name) + " = " + std::to_string(value) + " is not a number of 0 or more and below 1e30");
    if (ema_decay) require_range(ema_decay_row.name, *ema_decay, ema_decay_row.least, ema_decay_row.below);
    if (epochs < 1) throw std::invalid_argument("epochs = " + std::to_string(epochs) + " must be at least 1");
    const Numbers named = numbers_of(numbers);
    UpdateRule rule = update_rule(optimizer, named.optimizer, line_search, network->double_precision());
    rule.schedule = make_schedule(schedule, named.schedule);
    rule.clip_value = clip_value;
    rule.clip_norm = clip_norm;
    if (max_norm > 0 && !network->spec.structure.tied_transposed.empty())
        throw std::invalid_argument(
            "max_norm limits columns of W; in layers that are tied_transposed they are rows of another: leave it out");
    require_tied_rates(network->spec, layer_rates);
    rule.layer_rates = std::move(layer_rates);
    rule.bias_rate = bias_rate;
    const AugmentOptions augment = augmentation_of(augmentation, network->spec.inputs());
    if (rule.full_batch) {
        shuffle = false;  // all samples, in sequence
        require_full_batch(rule, optimizer, network->spec,
                           {{"precision 'bf16'", mixed},
                            {"dropout", dropped.any()},
                            {"mixup", mixup > 0},
                            {"augmentation", augment.any()},
                            {"noise", noise != 0},
                            {"max_norm", max_norm != 0},
                            {"tied_transposed", !network->spec.structure.tied_transposed.empty()},
                            {"ema_decay", ema_decay.has_value()}});
    }
    const bool has_heads = !network->spec.structure.heads.empty();
    if (has_heads && !(loss.is_none() && loss_constants.empty() && sample_weight.is_none()))
        throw std::invalid_argument("a network with heads has loss, loss_constants and sample_weight in its tasks: leave them out");
    if (has_heads && mixup > 0) throw std::invalid_argument("mixup is for a network with one output; this one has heads");
    const bool is_custom = PyCallable_Check(loss.ptr()) != 0;
    if (!has_heads && !is_custom && !py::isinstance<py::str>(loss))
        throw py::type_error("loss must be a name or a function; got " + py::str(py::type::of(loss).attr("__name__")).cast<std::string>());
    if (is_custom && mixup > 0) throw std::invalid_argument("mixup needs a loss of the engine, whose targets it mixes; not a function");
    // The catalog's first loss, which takes any targets on any output unit, stands in the place of a function, and of tasks.
    const Spec& spec = network->spec;
    const std::string name = is_custom || has_heads ? Losses::names[0] : loss.cast<std::string>();
    const Loss with_constants = loss_of(spec.activations.back(), spec.outputs(), name, loss_constants);
    const py::object custom = is_custom ? loss : py::none();
    return std::make_unique<Trainer>(network, x, targets, sample_weight,
                                     Options{with_constants, custom, std::move(rule), batch_size, seed, shuffle, threads, mixed, epochs,
                                             dropped, augment, mixup, noise, max_norm, ema_decay, record_steps});
}

}  // namespace

void bind_trainer(py::module_& module) {
    py::class_<Trainer>(module, "Trainer", "Trains a network on a data set, an epoch a call.")
        .def(py::init(&make_trainer), py::arg("network"), py::arg("x"), py::arg("targets"), py::kw_only(), py::arg("loss") = py::none(),
             py::arg("optimizer") = Sgd::name, py::arg("batch_size") = 64, py::arg("seed") = 0, py::arg("shuffle") = true,
             py::arg("threads") = 0, py::arg("precision") = precisions[0], py::arg("schedule") = Constant::name, py::arg("epochs") = 1,
             py::arg("clip_value") = UpdateOptions::rows[UpdateOptions::clip_value].initial,
             py::arg("clip_norm") = UpdateOptions::rows[UpdateOptions::clip_norm].initial, py::arg("layer_rates") = py::list(),
             py::arg("bias_rate") = UpdateOptions::rows[UpdateOptions::bias_rate].initial, py::arg("dropout") = std::vector<double>(),
             py::arg("dropout_schedule") = dropout_schedules[0].name, py::arg("dropout_epochs") = 1.0, py::arg("augmentation") = py::dict(),
             py::arg("mixup") = mixup_row.initial, py::arg("noise") = 0.0, py::arg("max_norm") = 0.0,
             py::arg("loss_constants") = py::dict(), py::arg("sample_weight") = py::none(), py::arg("ema_decay") = py::none(),
             py::arg("line_search") = "", py::arg("record_steps") = false)
        .def("run_epoch", &Trainer::run_epoch, py::arg("epoch"), py::arg("progress") = py::none(), py::arg("so_far") = py::none())
        .def("state", &Trainer::state)
        .def("average", &Trainer::average)
        .def("set_state", &Trainer::set_state, py::arg("steps"), py::arg("states"), py::arg("average") = py::none())
        .def("set_masks", &Trainer::set_masks, py::arg("masks"))
        .def_property_readonly("recorded_steps", &Trainer::recorded_steps)
        .def_property_readonly("last_epoch", &Trainer::last_epoch)
        .def_property_readonly("threads", &Trainer::threads)
        .def_property("reductions", &Trainer::reductions, &Trainer::set_reductions)
        .def_property_readonly("fast_ways", &Trainer::fast_ways)
        .def("close", &Trainer::close);
}

}  // namespace fastmlp
