// Trains small networks with the engine alone, without Python, and prints one line a case: its name and 64-bit hashes of the
// weights, the predictions and the figures of training. Builds with another compiler, for another processor, for another
// instruction set or with another number of threads must print the same lines; tests/test_portability.py builds and compares them.
//
//   train_bits [threads] [long]   every team has exactly that many threads (default 1); FASTMLP_ISA=name chooses the kernels;
//                                 `long` adds steps so long that they can be abandoned inside, and longer epochs (seconds)
// A line that ends in FAULT is wrong by itself.
//
// By hand, from the root of the repository, with one row of kernels (a CPU with FMA needs -mavx2 -mfma on x86-64 for equal bits):
//
//   mkdir -p /tmp/bits/runtime && for LIST in FASTMLP_ISAS FASTMLP_PAIR_ISAS
//   do echo "#define $LIST(row) row(portable, always)" >> /tmp/bits/runtime/isas.h; done
//   COMPILE='-std=c++17 -O2 -ffp-contract=off -fno-math-errno -fno-trapping-math -DFASTMLP_ISA=portable -DFASTMLP_TEAM_STD -pthread'
//   SOURCES="tests/cpp/train_bits.cpp csrc/descent/*.cpp csrc/gemm/*.cpp csrc/network/*.cpp csrc/random/*.cpp csrc/runtime/*.cpp
//   csrc/kernels/*.cpp" aarch64-linux-gnu-g++ $COMPILE -static -Icsrc -I/tmp/bits $SOURCES -o /tmp/bits/arm && qemu-aarch64 /tmp/bits/arm 2
//   g++ $COMPILE -g -O1 -fsanitize=address,undefined -Icsrc -I/tmp/bits $SOURCES -o /tmp/bits/asan && /tmp/bits/asan 3
//   g++ $COMPILE -g -O1 -fsanitize=thread            -Icsrc -I/tmp/bits $SOURCES -o /tmp/bits/tsan && /tmp/bits/tsan 3
#include <atomic>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "cases.h"
#include "gemm/gemm.h"
#include "hash.h"
#include "network/epoch.h"
#include "network/initialize.h"
#include "network/predict.h"
#include "prediction.h"
#include "runtime/dispatch.h"

using namespace fastmlp;

namespace {
std::atomic<int64_t> allocations{0};
}

// Every request for memory in C++ is counted.
void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

template <class T>
uint64_t hash_of(const Parameters<T>& parameters) {
    Hash hash;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        for (int64_t i = 0; i < layer.in; ++i) hash.add(layer.weight + i * layer.weight_row, layer.out);
        hash.add(layer.bias, layer.out);
        for (const Extra<T>& extra : layer.extras)
            for (int64_t i = 0; i < extra.about.lines(); ++i) hash.add(extra.values + i * extra.row, extra.about.columns);
    }
    return hash.state();
}

// What is wrong with parameters after training, or "": a weight that is not finite was committed against the promise of a step,
// and padding that a kernel left other than zero would reach the true elements some day.
template <class T>
const char* fault(const T* row, int64_t columns, int64_t padded_columns) {
    for (int64_t j = 0; j < padded_columns; ++j) {
        if (j < columns && !std::isfinite(row[j])) return " FAULT: a weight is not finite";
        if (j >= columns && row[j] != 0) return " FAULT: padding is not zero";
    }
    return nullptr;
}
template <class T>
const char* fault(const Parameters<T>& parameters) {
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        for (int64_t i = 0; i <= layer.in; ++i)
            if (const char* found = fault(i < layer.in ? layer.weight + i * layer.weight_row : layer.bias, layer.out, layer.weight_row))
                return found;
        for (const Extra<T>& extra : layer.extras)
            for (int64_t i = 0; i < extra.about.lines(); ++i)
                if (const char* found = fault(extra.values + i * extra.row, extra.about.columns, extra.row)) return found;
    }
    return "";
}

void add(Hash& hash, const Tally& tally) {
    hash.add(&tally.loss_sum, 1);
    hash.add(&tally.correct, 1);
    hash.add(&tally.samples, 1);
}

// The order of an epoch: a stride that shares no factor with the number of samples.
std::vector<int64_t> order_of(int64_t samples, int epoch) {
    int64_t stride = 7 + 2 * epoch;
    const auto common = [](int64_t a, int64_t b) {
        while (b != 0) {
            const int64_t rest = a % b;
            a = b;
            b = rest;
        }
        return a;
    };
    while (common(stride, samples) != 1) ++stride;
    std::vector<int64_t> order;
    for (int64_t i = 0; i < samples; ++i) order.push_back(i * stride % samples);
    return order;
}

template <class T>
LossInUse<T> loss_of(const Case& of, const Spec& spec) {
    return {table<T>(kernels()), make_loss(of.loss, of.loss_constants, spec.outputs()), spec.output_unit()};
}

template <class T>
void run(const Case& of, int threads) {
    const Spec spec = make_spec(of.sizes, of.activations, of.structure);
    const Data<T> data(of);
    const LossInUse<T> loss = loss_of<T>(of, spec);
    Parameters<T> parameters(spec);
    const double std = of.overflowing ? std::sqrt(static_cast<double>(std::numeric_limits<T>::max())) : 0.5;
    initialize(parameters, {of.initializer, "normal", std, 11});
    const UpdateRule rule = rule_of(of);
    PlanChoices choices{of.batch, rule, table<T>(kernels()).lanes, threads};
    choices.mostly_zeros = mostly_zeros(data.inputs, spec.inputs());
    if (of.mixed && sizeof(T) == 4) choices.pairs = &pair_kernels();
    if (of.averaged) choices.ema_decay = 0.9;
    choices.dropout.rates = of.dropout;
    StepPlan<T> plan(parameters, choices);
    const StepContext<T> context{table<T>(kernels()), parameters, plan, data.inputs, data.targets, loss};
    const Poll poll = [] { return false; };

    Hash figures;
    const char* end = "";
    for (int epoch = 0; epoch < of.epochs; ++epoch) {
        EpochReport report;
        const std::vector<int64_t> order = order_of(of.samples, epoch);
        run_epoch(context, epoch % 2 == 0 ? order.data() : nullptr, of.samples, poll, report);
        add(figures, report.tally);
        if (report.end != EpochEnd::complete) end = " ended-early";
    }
    Tally tally;
    Workspaces<T> workspaces;
    evaluate(context.kernels, parameters, workspaces, data.inputs, data.targets, loss, threads, poll, tally);
    add(figures, tally);
    std::vector<T> outputs(static_cast<std::size_t>(of.samples * spec.outputs()));
    predict(context.kernels, parameters, workspaces, data.inputs, outputs.data(), threads, poll);
    Hash predictions;
    predictions.add(outputs.data(), static_cast<int64_t>(outputs.size()));
    for (int64_t l = 0; of.averaged && l < parameters.layers(); ++l)
        figures.add(plan.average.weights[static_cast<std::size_t>(l)], parameters[l].in * parameters[l].weight_row);

    std::printf("%s %s weights=%016" PRIx64 " predictions=%016" PRIx64 " figures=%016" PRIx64 "%s%s%s%s\n", of.name.c_str(),
                sizeof(T) == 4 ? "float32" : "float64", hash_of(parameters), predictions.state(), figures.state(), end, fault(parameters),
                fault_alone(parameters, workspaces, data.inputs, outputs),
                of.zeros > 0 && !plan.ways.skipping ? " FAULT: zeros are not skipped" : "");
}

// C = A B with any strides, in the general entry that packs.
template <class T>
void run_product(int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed, int threads) {
    std::vector<T> a, b, c(static_cast<std::size_t>(m * n));
    for (int64_t i = 0; i < m * k; ++i) a.push_back(static_cast<T>(draw(3, m, i)));
    for (int64_t i = 0; i < k * n; ++i) b.push_back(static_cast<T>(draw(4, n, i)));
    gemm<T>(table<T>(kernels()), m, n, k, a.data(), a_transposed ? 1 : k, a_transposed ? m : 1, b.data(), b_transposed ? 1 : n,
            b_transposed ? k : 1, c.data(), n, threads);
    Hash hash;
    hash.add(c.data(), m * n);
    std::printf("product-%" PRId64 "x%" PRId64 "x%" PRId64 "%s%s %s %016" PRIx64 "\n", m, n, k, a_transposed ? "-at" : "",
                b_transposed ? "-bt" : "", sizeof(T) == 4 ? "float32" : "float64", hash.state());
}

// What a layer in bf16 does, on one instruction set: Y = X W, the layer's delta from that of the layer above, X^T delta, sums.
uint64_t pairs_hash(const PairKernels& kernels, int threads) {
    constexpr int64_t batch = 37, in = 75, out = 53, wide = 128;
    std::vector<float> x, w, y(batch * wide), dy(in * wide), dw(in * wide), sums(wide);
    for (int64_t i = 0; i < batch * in; ++i) x.push_back(static_cast<float>(draw(5, i, 1)));
    for (int64_t i = 0; i < in * out; ++i) w.push_back(static_cast<float>(draw(6, i, 1)));
    std::vector<Pair> x_along(batch * wide), x_down(batch * wide), w_along(in * wide), w_down(in * wide);
    std::vector<Pair> y_along(batch * wide), y_down(batch * wide), delta(batch * wide), delta_t(in * wide);
    kernels.round({batch, in, x.data(), in, x_along.data(), wide, x_down.data(), wide});
    kernels.round({in, out, w.data(), out, w_along.data(), wide, w_down.data(), wide});
    const int64_t half_batch = (batch + 1) / 2, half_in = (in + 1) / 2, half_out = (out + 1) / 2;
    gemm<Pair>(kernels, batch, out, half_in, x_along.data(), wide, 1, w_down.data(), wide, 1, y.data(), wide, threads);
    kernels.round({batch, out, y.data(), wide, y_along.data(), wide, y_down.data(), wide});
    std::vector<Pair> y_t(out * wide);  // y as if it were the delta of the layer above, transposed
    std::vector<float> transposed(out * wide);
    for (int64_t i = 0; i < batch; ++i)
        for (int64_t j = 0; j < out; ++j) transposed[static_cast<std::size_t>(j * wide + i)] = y[static_cast<std::size_t>(i * wide + j)];
    kernels.round({out, batch, transposed.data(), wide, nullptr, 0, y_t.data(), wide});
    gemm<Pair>(kernels, in, batch, half_out, w_along.data(), wide, 1, y_t.data(), wide, 1, dy.data(), wide, threads);
    float peak = 0;
    for (const char* name : {"relu", "tanh"}) {
        const int id = id_of(name, Activations::names, Activations::size, "activation");
        peak += kernels.backward[id]({in, batch, dy.data(), wide, x_down.data(), wide, delta.data(), wide, delta_t.data(), wide});
    }
    gemm<Pair>(kernels, in, out, half_batch, x_down.data(), 1, wide, y_down.data(), wide, 1, dw.data(), wide, threads);
    kernels.column_sums(batch, wide, delta.data(), wide, sums.data());
    Hash hash;
    for (const std::vector<float>* numbers : {&y, &dy, &dw, &sums}) hash.add(numbers->data(), static_cast<int64_t>(numbers->size()));
    for (const std::vector<Pair>* words : {&y_along, &delta, &delta_t}) hash.add(words->data(), static_cast<int64_t>(words->size()));
    hash.add(&peak, 1);
    return hash.state();
}

void run_pairs(int threads) {
    const uint64_t chosen = pairs_hash(pair_kernels(), threads);
    bool same = true;
    for (const std::string& isa : pair_isas_found()) same = same && pairs_hash(pair_kernels(isa), threads) == chosen;
    std::printf("pairs bf16 %016" PRIx64 "%s\n", chosen, same ? "" : " FAULT: an instruction set has other bits");
}

// Nothing is allocated after the plan is made: an epoch of many steps asks for memory as often as an epoch of one. Nor for a row.
template <class T>
void run_allocations(int threads, const Structure& structure) {
    Case of{"allocations", {30, 40, 10}, {"relu", "softmax"}, "categorical_cross_entropy"};
    of.samples = 640;
    const Spec spec = make_spec(of.sizes, of.activations, structure);
    const Data<T> data(of);
    Parameters<T> parameters(spec);
    initialize(parameters, {of.initializer, "normal", 0.5, 11});
    const UpdateRule rule(make_optimizer("adam", {}));
    StepPlan<T> plan(parameters, {of.batch, rule, table<T>(kernels()).lanes, 1});
    const LossInUse<T> loss = loss_of<T>(of, spec);
    const StepContext<T> context{table<T>(kernels()), parameters, plan, data.inputs, data.targets, loss};
    const Poll poll = [] { return false; };
    force_team_size(1);
    int64_t counts[2];
    for (const int many : {0, 1}) {
        EpochReport report;
        const int64_t before = allocations;
        run_epoch(context, nullptr, many ? of.samples : of.batch, poll, report);
        counts[many] = allocations - before;
    }
    std::printf("allocations-in-steps %s %s\n", sizeof(T) == 4 ? "float32" : "float64",
                counts[0] == counts[1] ? "none" : "FAULT: a step allocates");
    if (!spec.is_plain()) return force_team_size(threads);

    Inputs one = data.inputs;
    one.count = 1;
    T outputs[10];
    Workspaces<T> workspaces;
    for (int64_t& count : counts) {  // the first call leaves its workspace to the second
        const int64_t before = allocations;
        predict(context.kernels, parameters, workspaces, one, outputs, 1, poll);
        count = allocations - before;
    }
    force_team_size(threads);
    std::printf("allocations-of-a-row %s %s\n", sizeof(T) == 4 ? "float32" : "float64",
                counts[0] > 0 && counts[1] == 0 ? "none" : "FAULT: a row allocates");
}

template <class T>
void run_all(int threads) {
    for (const Case& next : cases_of_catalog()) run<T>(next, threads);
    for (const Case& next : cases_of_shape()) run<T>(next, threads);
    for (const Case& next : cases_of_structure()) run<T>(next, threads);
    for (int transposed = 0; transposed < 4; ++transposed) {
        run_product<T>(37, 29, 41, (transposed & 1) != 0, (transposed & 2) != 0, threads);
        run_product<T>(15, 65, 300, (transposed & 1) != 0, (transposed & 2) != 0, threads);
    }
    run_product<T>(3, 5, 1, false, false, threads);
    run_allocations<T>(threads, {});
    run_allocations<T>(threads, structure_with({"batch"}, {{0, 2}}));
    run_at_once<T>();
}

// Long steps, which store their gradients and end inside when poll says so. An abandoned step changes nothing.
template <class T>
void run_long(int threads) {
    Case of{"long-step", {600, 800, 10}, {"relu", "softmax"}, "categorical_cross_entropy"};
    of.samples = of.batch = 2500;
    of.epochs = 1;
    of.optimizer = "adam";
    of.hyperparameters.clear();
    run<T>(of, threads);

    Case many{"long-epoch", {64, 128, 10}, {"relu", "softmax"}, "categorical_cross_entropy"};
    many.samples = 6000;  // some tenths of a second: the team's size may change on the way
    many.epochs = 10;
    run<T>(many, threads);

    const Spec spec = make_spec(of.sizes, of.activations);
    const Data<T> data(of);
    Parameters<T> parameters(spec);
    initialize(parameters, {of.initializer, "normal", 0.5, 11});
    const UpdateRule rule = rule_of(of);
    StepPlan<T> plan(parameters, {of.batch, rule, table<T>(kernels()).lanes, threads});
    const LossInUse<T> loss = loss_of<T>(of, spec);
    const StepContext<T> context{table<T>(kernels()), parameters, plan, data.inputs, data.targets, loss};
    const uint64_t before = hash_of(parameters);
    EpochReport report;
    run_epoch(context, nullptr, of.samples, [] { return true; }, report);
    const bool unchanged = before == hash_of(parameters) && report.tally.samples == 0 && report.steps == 0;
    const bool whole = report.end == EpochEnd::complete && report.steps == 1;  // so fast that nobody was asked
    std::printf("abandoned-step %s %s\n", sizeof(T) == 4 ? "float32" : "float64", unchanged || whole ? "whole" : "FAULT: torn");
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const int threads = count > 1 ? std::atoi(arguments[1]) : 1;
        force_team_size(threads);
        std::string found;
        for (const std::string& name : isas_found()) found += (found.empty() ? "" : ",") + name;
        std::fprintf(stderr, "isa=%s found=%s fma=%d backend=%s threads=%d\n", kernels().name, found.c_str(),
                     static_cast<int>(kernels().fused_multiply_add), team_backend(), threads);
        run_all<float>(threads);
        run_all<double>(threads);
        run_pairs(threads);
        if (count > 2 && std::strcmp(arguments[2], "long") == 0) {
            run_long<float>(threads);
            run_long<double>(threads);
        }
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "train_bits: %s\n", error.what());
        return 1;
    }
}
