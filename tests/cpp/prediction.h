// What train_bits.cpp asks of prediction beside its bits: a row alone equals the row in a batch, and calls at once do not disturb each
// other.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "cases.h"
#include "hash.h"
#include "network/access.h"
#include "network/initialize.h"
#include "network/predict.h"
#include "runtime/dispatch.h"

namespace fastmlp {

// What is wrong with predictions of every sample alone, or "": a row by itself takes another path than a block of rows.
template <class T>
const char* fault_alone(const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs, const std::vector<T>& together) {
    const int64_t width = parameters[parameters.layers() - 1].out;
    std::vector<T> alone(static_cast<std::size_t>(width));
    for (int64_t i = 0; i < inputs.count; ++i) {
        Inputs one = inputs;
        one.data = static_cast<const char*>(inputs.data) + i * inputs.row_bytes;
        one.count = 1;
        predict(table<T>(kernels()), parameters, workspaces, one, alone.data(), 1, Poll());
        Hash of_one, of_all;
        of_one.add(alone.data(), width);
        of_all.add(together.data() + i * width, width);
        if (of_one.state() != of_all.state()) return " FAULT: a row alone differs";
    }
    return "";
}

// Predictions at once, in workspaces that are kept for them all, while the parameters change now and then under the rule of Access.
template <class T>
void run_at_once() {
    Case of{"at-once", {30, 40, 10}, {"relu", "softmax"}, "categorical_cross_entropy"};
    const Data<T> data(of);
    Parameters<T> parameters(make_spec(of.sizes, of.activations));
    Workspaces<T> workspaces;
    Access access;
    constexpr int versions = 6;
    std::vector<T> expected[versions];
    for (int version = 0; version < versions; ++version) {
        initialize(parameters, {of.initializer, "normal", 0.5, static_cast<uint64_t>(version)});
        expected[version].resize(static_cast<std::size_t>(of.samples * 10));
        predict(table<T>(kernels()), parameters, workspaces, data.inputs, expected[version].data(), 1, Poll());
    }
    std::atomic<int> version{versions - 1}, faults{0}, done{0};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 3; ++reader)
        readers.emplace_back([&, reader] {
            std::vector<T> found(static_cast<std::size_t>(of.samples * 10));
            for (int i = 0; i < 300; ++i) {
                const auto holder = access.try_read();
                if (!holder) continue;
                Inputs inputs = data.inputs;
                if ((i + reader) % 3 != 0) inputs.count = 1 + reader;  // a few rows, and blocks of them
                predict(table<T>(kernels()), parameters, workspaces, inputs, found.data(), 1, Poll());
                const auto count = static_cast<std::size_t>(inputs.count * 10);
                if (std::memcmp(found.data(), expected[version].data(), count * sizeof(T)) != 0) ++faults;
            }
            ++done;
        });
    for (int next = 0; done < 3; next = (next + 1) % versions) {
        const auto holder = access.write();
        initialize(parameters, {of.initializer, "normal", 0.5, static_cast<uint64_t>(next)});
        version = next;
    }
    for (std::thread& reader : readers) reader.join();
    std::printf("at-once %s %s\n", sizeof(T) == 4 ? "float32" : "float64", faults == 0 ? "whole" : "FAULT: torn");
}

}  // namespace fastmlp
