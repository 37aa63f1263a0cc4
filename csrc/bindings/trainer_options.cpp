#include "bindings/trainer_options.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include "network/descent_methods.h"
#include "network/schedule.h"
#include "network/spec.h"

namespace py = pybind11;

namespace fastmlp {

Numbers numbers_of(const py::kwargs& given) {
    Numbers numbers;
    for (const auto& [key, value] : given) {
        const std::string name = py::str(key);
        const double number = PyFloat_AsDouble(value.ptr());
        if (PyErr_Occurred() != nullptr) {
            PyErr_Clear();
            throw py::type_error(name + " = " + std::string(py::repr(value)) + " is not a number");
        }
        (belongs_to_a_schedule(name) ? numbers.schedule : numbers.optimizer).emplace_back(name, number);
    }
    return numbers;
}

AugmentOptions augmentation_of(const py::dict& given, int64_t features) {
    AugmentOptions options;
    const std::map<std::string, double*> numbers{{"shift", &options.shift},
                                                 {"rotation", &options.rotation},
                                                 {"scale", &options.scale},
                                                 {"elastic", &options.elastic},
                                                 {"smoothness", &options.smoothness}};
    for (const auto& [key, value] : given) {
        const std::string name = py::str(key);
        if (name == "height" || name == "width")
            (name == "height" ? options.height : options.width) = py::cast<int64_t>(value);
        else if (const auto found = numbers.find(name); found != numbers.end())
            *found->second = py::cast<double>(value);
        else
            throw std::invalid_argument("augmentation has no '" + name +
                                        "'; it has: height, width, shift, rotation, scale, elastic, smoothness");
    }
    require_valid(options, features);
    return options;
}

void require_tied_rates(const Spec& spec, const std::vector<double>& layer_rates) {
    for (std::size_t l = 0; l < layer_rates.size(); ++l) {
        const auto owner = static_cast<std::size_t>(spec.structure.weight_owner_of(static_cast<int64_t>(l)));
        if (owner < layer_rates.size() && layer_rates[owner] != layer_rates[l])
            throw std::invalid_argument("layer_rates[" + std::to_string(owner) + "] and layer_rates[" + std::to_string(l) +
                                        "] are of tied layers and must be equal");
    }
}

DropoutChoices dropout_of(const Spec& spec, const std::vector<double>& rates, const std::string& schedule, double epochs) {
    DropoutChoices choices;
    std::vector<const char*> names;
    for (const DropoutSchedule& one : dropout_schedules) names.push_back(one.name);
    choices.schedule = id_of(schedule, names.data(), dropout_schedule_count, "dropout_schedule");
    require_range(dropout_epochs_row, dropout_epochs_row.name, epochs);
    choices.total = epochs;
    if (rates.empty()) return choices;
    if (static_cast<int64_t>(rates.size()) != spec.layers())
        throw std::invalid_argument("dropout has " + std::to_string(rates.size()) + " rates; it needs " + std::to_string(spec.layers()) +
                                    ": of the inputs and of each hidden layer");
    for (std::size_t l = 0; l < rates.size(); ++l)
        if (!(rates[l] >= 0 && rates[l] < 1))
            throw std::invalid_argument("dropout[" + std::to_string(l) + "] = " + std::to_string(rates[l]) +
                                        " is not a share of 0 or more and below 1");
    choices.rates = rates;
    return choices;
}

UpdateRule update_rule(const std::string& optimizer, const Named& numbers, const std::string& line_search, bool double_precision) {
    if (!is_descent_method(optimizer)) {
        if (!line_search.empty())
            throw std::invalid_argument("line_search '" + line_search + "' is given; optimizer '" + optimizer +
                                        "' takes steps of its own length");
        return UpdateRule(make_optimizer(optimizer, numbers));
    }
    UpdateRule rule;
    const double digits = double_precision ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
    rule.full_batch = make_descent(optimizer, numbers, line_search, digits);
    return rule;
}

void require_full_batch(const UpdateRule& rule, const std::string& optimizer, const Spec& spec,
                        std::vector<std::pair<std::string, bool>> chosen) {
    chosen.insert(chosen.end(), {{"schedule", !rule.schedule.is_constant()},
                                 {"clip_value", rule.clip_value != 0},
                                 {"clip_norm", rule.clip_norm != 0},
                                 {"layer_rates", !rule.layer_rates.empty()},
                                 {"bias_rate", rule.bias_rate != 1}});
    for (const auto& [name, is_chosen] : chosen)
        if (is_chosen)
            throw std::invalid_argument("optimizer '" + optimizer +
                                        "' needs the same loss of all samples at every evaluation, and its line search chooses the step: " +
                                        name + " does not go with it");
    for (const auto& layer : spec.extras)
        for (const ExtraTensor& one : layer)
            if (!one.trained && !one.given)
                throw std::invalid_argument("optimizer '" + optimizer + "' is not for a network that keeps '" + one.name +
                                            "' beside what is trained: a line search evaluates points where training does not stay");
}

}  // namespace fastmlp
