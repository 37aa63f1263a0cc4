// What train_bits.cpp trains: networks of every activation, loss and awkward shape, and data generated for them.
#pragma once

#include <string>
#include <vector>

#include "math/catalog.h"
#include "network/descent_methods.h"
#include "network/samples.h"
#include "network/spec.h"
#include "network/step.h"
#include "random/philox.h"

namespace fastmlp {

constexpr auto data_purpose = static_cast<Purpose>(200);  // a stream that the engine does not use

enum class TargetKind { labels, values, probabilities };

struct Case {
    std::string name;
    std::vector<int64_t> sizes;
    std::vector<std::string> activations;
    std::string loss;
    SourceType source = SourceType::float32;
    TargetKind targets = TargetKind::labels;
    bool scaled = false;
    int64_t samples = 77, batch = 16;
    int epochs = 2;
    std::string optimizer = "sgd";
    Named hyperparameters{{"learning_rate", 0.05}};
    std::string schedule = "constant";
    double clip_value = 0, clip_norm = 0;
    std::string initializer = "glorot_uniform";
    double zeros = 0;    // share of the inputs
    bool mixed = false;  // bf16 factors, where the network is of float32
    NamedLists loss_constants{};
    bool weighted = false;     // samples
    bool averaged = false;     // the weights, over the steps
    bool overflowing = false;  // initial weights so large that products of two layers are infinite
    Structure structure{};
    std::vector<double> dropout{};
};

inline UpdateRule rule_of(const Case& of) {
    UpdateRule rule;
    if (is_descent_method(of.optimizer)) {
        rule.full_batch = make_descent(of.optimizer, of.hyperparameters, "", 1e-7);
        return rule;
    }
    rule.optimizer = make_optimizer(of.optimizer, of.hyperparameters);
    if (of.schedule != Constant::name) rule.schedule = make_schedule(of.schedule, {{"warmup_epochs", 0.5}});
    set_time(rule.schedule, of.samples, of.batch, of.epochs);
    rule.clip_value = of.clip_value;
    rule.clip_norm = of.clip_norm;
    return rule;
}

// Uniform in (-1, 1): a function of the place alone.
inline double draw(uint32_t stream, int64_t row, int64_t column) {
    const auto word = philox({20, data_purpose, stream}, static_cast<uint32_t>(row), static_cast<uint32_t>(column));
    return 2 * uniform(joined(word[0], word[1])) - 1;
}

// The samples of a case and what they should become, in memory of exactly their size: a sanitizer sees a read past the end.
template <class T>
struct Data {
    std::vector<uint8_t> bytes;
    std::vector<float> floats;
    std::vector<double> doubles, shift, scale;
    std::vector<int64_t> labels;
    std::vector<T> values, weights;
    Inputs inputs{};
    Targets<T> targets{};

    explicit Data(const Case& of) {
        const int64_t n = of.samples, in = of.sizes.front(), out = of.sizes.back();
        const auto all = static_cast<std::size_t>(n * in);
        const bool narrow = of.source == SourceType::uint8, single = of.source == SourceType::float32;
        bytes.resize(narrow ? all : 0);
        floats.resize(single ? all : 0);
        doubles.resize(narrow || single ? 0 : all);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < in; ++j) {
                const auto place = static_cast<std::size_t>(i * in + j);
                const bool zero = draw(7, i, j) < 2 * of.zeros - 1;
                const double value = zero ? 0 : draw(0, i, j);
                if (narrow)
                    bytes[place] = zero ? 0 : static_cast<uint8_t>(128 + 127 * value);
                else if (single)
                    floats[place] = static_cast<float>(value);
                else
                    doubles[place] = value;
            }
        if (of.scaled)
            for (int64_t j = 0; j < in; ++j) {
                shift.push_back(narrow ? 100 + draw(1, 0, j) : draw(1, 0, j));
                scale.push_back((1 + 0.5 * draw(1, 1, j)) / (narrow ? 255 : 1));
            }
        fill_targets(of, n, out);

        const int64_t item = narrow ? 1 : single ? 4 : 8;
        const void* const data = narrow ? static_cast<const void*>(bytes.data())
                                        : (single ? static_cast<const void*>(floats.data()) : static_cast<const void*>(doubles.data()));
        inputs = {data, of.source, n, item * in, of.scaled ? shift.data() : nullptr, of.scaled ? scale.data() : nullptr};
        for (int64_t i = 0; of.weighted && i < n; ++i) weights.push_back(static_cast<T>(draw(3, i, 0) + 1));
        targets = {labels.empty() ? nullptr : labels.data(), labels.empty() ? values.data() : nullptr, out,
                   of.weighted ? weights.data() : nullptr};
    }

private:
    void fill_targets(const Case& of, int64_t n, int64_t out) {
        for (int64_t i = 0; i < n; ++i) {
            if (of.targets == TargetKind::labels) {
                labels.push_back(static_cast<int64_t>((draw(2, i, 0) + 1) / 2 * static_cast<double>(out == 1 ? 2 : out)));
                continue;
            }
            double total = 0;
            for (int64_t j = 0; j < out; ++j) total += (draw(2, i, j) + 1) / 2;
            for (int64_t j = 0; j < out; ++j) {
                const double value = draw(2, i, j);
                values.push_back(static_cast<T>(of.targets == TargetKind::values ? value : (value + 1) / 2 / total));
            }
        }
    }
};

// Every activation in hidden layers and every pair of loss and output unit that exists, read from the catalog.
inline std::vector<Case> cases_of_catalog() {
    std::vector<Case> cases;
    for (int id = 0; id < Activations::size; ++id) {
        if (is_rowwise(id)) continue;
        const std::string name = Activations::names[id];
        cases.push_back({"hidden-" + name, {13, 21, 9, 5}, {name, name, "softmax"}, "categorical_cross_entropy"});
    }
    for (int loss = 0; loss < Losses::size; ++loss)
        for (int output = 0; output < Activations::size; ++output) {
            if (!fits(loss, output)) continue;
            Case next{std::string(Losses::names[loss]) + "-" + Activations::names[output],
                      {7, 18, 6},
                      {"tanh", Activations::names[output]},
                      Losses::names[loss]};
            cases.push_back(next);
            next.name += "-targets";
            const bool real = losses()[static_cast<std::size_t>(loss)].targets == TargetDomain::real;
            next.targets = real ? TargetKind::values : TargetKind::probabilities;
            next.source = SourceType::float64;
            cases.push_back(next);
        }
    return cases;
}

inline Structure structure_with(const std::vector<std::string>& normalization, const std::vector<std::array<int64_t, 2>>& skips) {
    Structure structure;
    for (const std::string& text : normalization) structure.normalization.push_back(chosen_normalization(text));
    structure.skips = skips;
    return structure;
}

inline std::vector<Case> cases_of_structure() {
    const std::vector<std::string> activations{"relu", "prelu", "gelu", "softmax"};
    std::vector<Case> cases;
    for (const NormalizationRow& row : Normalizations::rows) {
        const std::string name = std::string("normalization-") + row.name;
        cases.push_back({name, {13, 21, 33, 33, 5}, activations, "categorical_cross_entropy"});
        cases.back().structure = structure_with({row.name, row.name, row.name}, {});
        cases.push_back(cases.back());
        cases.back().name = name + "-skips";
        cases.back().structure.skips = {{0, 2}, {0, 3}, {2, 4}, {1, 3}, {0, 4}};
        cases.push_back(cases.back());
        cases.back().name = name + "-dropped";
        cases.back().dropout = {0.1, 0.2, 0.3, 0.4};
        cases.push_back(cases.back());
        cases.back().name = name + "-pieces";
        cases.back().activations = {"maxout(pieces=3)", "relu", "maxout", "softmax"};
        cases.push_back(cases.back());
        cases.back().name = name + "-large";
        cases.back().samples = 2049;
        cases.back().batch = 2048;
    }
    return cases;
}

inline std::vector<Case> cases_of_shape() {
    const std::vector<std::string> relu_softmax{"relu", "softmax"};
    const std::string categorical = "categorical_cross_entropy";
    Case base{"", {19, 33, 10}, relu_softmax, categorical};
    std::vector<Case> cases;
    const auto with = [&](const char* name, const auto& change) {
        Case next = base;
        next.name = name;
        change(next);
        cases.push_back(next);
    };
    with("momentum", [](Case& c) { c.hyperparameters.push_back({"momentum", 0.9}); });
    with("l2", [](Case& c) { c.hyperparameters.push_back({"l2", 0.01}); });
    with("momentum-l2", [](Case& c) { c.hyperparameters = {{"learning_rate", 0.02}, {"momentum", 0.5}, {"l2", 0.001}}; });
    with("uint8-scaled", [](Case& c) { c.source = SourceType::uint8, c.scaled = true; });
    with("uint8", [](Case& c) { c.source = SourceType::uint8, c.hyperparameters = {{"learning_rate", 1e-5}}; });
    with("float32-scaled", [](Case& c) { c.scaled = true; });
    with("float64-scaled", [](Case& c) { c.source = SourceType::float64, c.scaled = true; });
    with("batch-1", [](Case& c) { c.batch = 1, c.samples = 23; });
    with("batch-all", [](Case& c) { c.batch = c.samples; });
    with("batch-3-last-2", [](Case& c) { c.batch = 3, c.samples = 32; });
    with("batch-64-last-1", [](Case& c) { c.batch = 64, c.samples = 129, c.source = SourceType::uint8, c.scaled = true; });
    with("all-ones", [](Case& c) { c.sizes = {1, 1, 1}, c.activations = {"sigmoid", "sigmoid"}, c.loss = "binary_cross_entropy"; });
    with("one-output", [](Case& c) { c.sizes = {5, 3, 1}, c.activations = {"tanh", "sigmoid"}, c.loss = "half_squared_error"; });
    with("one-layer", [&](Case& c) { c.sizes = {31, 3}, c.activations = {"softmax"}; });
    with("deep",
         [](Case& c) { c.sizes = {9, 8, 7, 17, 16, 15, 4}, c.activations = {"tanh", "relu", "sigmoid", "identity", "tanh", "softmax"}; });
    with("wide", [](Case& c) { c.sizes = {65, 300, 129, 33}, c.activations = {"relu", "tanh", "softmax"}, c.batch = 50; });
    const auto pictures = [](Case& c) { c.sizes = {100, 400, 10}, c.batch = 40, c.zeros = 0.8; };
    with("mostly-zeros", pictures);
    with("mostly-zeros-uint8", [&](Case& c) { pictures(c), c.source = SourceType::uint8, c.hyperparameters = {{"learning_rate", 1e-5}}; });
    with("mixed", [](Case& c) { c.sizes = {65, 130, 71, 5}, c.activations = {"relu", "tanh", "softmax"}, c.batch = 33, c.mixed = true; });
    const std::vector<std::string> kept{"gelu", "leaky_relu(negative_slope=0.3)", "hard_sigmoid(offset=0.4)"};
    const auto keeping = [&](Case& c) { c.sizes = {65, 130, 71, 5}, c.activations = kept, c.loss = "mean_squared_error"; };
    with("kept", [&](Case& c) { keeping(c), c.batch = 33; });
    with("kept-few", [&](Case& c) { keeping(c), c.batch = 3; });
    with("kept-narrow", [&](Case& c) { keeping(c), c.sizes = {3, 20, 33, 5}; });
    with("kept-chunked", [&](Case& c) { keeping(c), c.sizes = {11, 14, 70, 3}, c.samples = 2600, c.batch = 2500; });
    with("kept-mixed", [&](Case& c) { keeping(c), c.batch = 33, c.mixed = true; });
    with("mixed-chunked", [](Case& c) {
        c.sizes = {11, 14, 3}, c.samples = 2600, c.batch = 2500, c.mixed = true, c.hyperparameters.push_back({"momentum", 0.5});
    });
    with("weighted", [](Case& c) { c.weighted = true; });
    with("weighted-narrow", [](Case& c) { c.weighted = true, c.sizes = {5, 7, 3}, c.batch = 33; });
    with("weighted-mixed", [](Case& c) { c.weighted = true, c.sizes = {65, 130, 5}, c.batch = 33, c.mixed = true; });
    with("weighted-few", [](Case& c) { c.weighted = true, c.batch = 2; });
    with("smoothed", [](Case& c) { c.loss_constants = {{"label_smoothing", {0.1}}}; });
    with("quantiles", [&](Case& c) {
        c.sizes = {5, 7, 3}, c.activations = {"tanh", "identity"}, c.loss = "quantile", c.targets = TargetKind::values;
        c.loss_constants = {{"quantile", {0.1, 0.5, 0.9}}};
    });
    with("averaged", [](Case& c) { c.averaged = true; });
    with("averaged-chunked", [](Case& c) { c.sizes = {11, 14, 3}, c.samples = 2600, c.batch = 2500, c.averaged = true; });
    with("many-classes", [](Case& c) { c.sizes = {4, 6, 100}; });
    with("chunked", [](Case& c) {
        c.sizes = {11, 14, 3}, c.samples = 2600, c.batch = 2500, c.epochs = 3, c.hyperparameters.push_back({"momentum", 0.5});
    });
    with("chunked-last-short",
         [](Case& c) { c.sizes = {6, 5, 4, 2}, c.activations = {"tanh", "sigmoid", "softmax"}, c.samples = 2049, c.batch = 2049; });
    for (const OptimizerRow& row : optimizers()) {
        const auto own = [&](Case& c) {
            c.optimizer = row.name;
            c.hyperparameters.clear();
            for (int i = 0; i < row.count; ++i)
                if (row.hyperparameters[i].on_weights_only) c.hyperparameters.push_back({row.hyperparameters[i].name, 0.01});
        };
        with((std::string(row.name) + "-own").c_str(), own);
        with((std::string(row.name) + "-chunked").c_str(), [&](Case& c) { own(c), c.samples = 2600, c.batch = 1300, c.epochs = 3; });
    }
    for (const DescentMethodRow& row : descent_methods()) {
        const auto own = [&](Case& c) { c.optimizer = row.name, c.hyperparameters = {{"l2", 0.01}}, c.samples = c.batch, c.epochs = 6; };
        with(row.name, [&](Case& c) { c.batch = 77, own(c); });
        with((std::string(row.name) + "-chunked").c_str(), [&](Case& c) { c.batch = 2600, own(c); });
    }
    for (const ScheduleRow& row : schedules())
        with((std::string(row.name) + "-schedule").c_str(), [&](Case& c) { c.schedule = row.name, c.epochs = 3; });
    with("clipped-values", [](Case& c) { c.clip_value = 0.01; });
    with("clipped-norm", [](Case& c) { c.clip_norm = 0.1, c.optimizer = "lion", c.hyperparameters = {}; });
    with("clipped-norm-wide", [](Case& c) { c.sizes = {165, 130, 71, 5}, c.activations = {"relu", "tanh", "softmax"}, c.clip_norm = 0.1; });
    with("initial-he", [](Case& c) { c.initializer = "he_normal"; });
    with("initial-normal", [](Case& c) { c.initializer = "normal"; });
    const std::vector<std::string> linear{"identity", "identity"};
    with("diverging",
         [&](Case& c) { c.hyperparameters = {{"learning_rate", 9e29}}, c.loss = "mean_squared_error", c.activations = linear; });
    // Infinity minus infinity in the output's z: NaN is the only sign, and must be noticed.
    with("overflowing", [&](Case& c) { c.overflowing = true, c.initializer = "normal", c.activations = {"identity", "softmax"}; });
    return cases;
}

}  // namespace fastmlp
