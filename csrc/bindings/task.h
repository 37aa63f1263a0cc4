// fastmlp._core.Task: what one head of a network learns: targets, loss with constants, and its weight in the sum.
#pragma once

#include <string>
#include <vector>

#include <pybind11/pybind11.h>

#include "bindings/network.h"
#include "network/heads.h"

namespace fastmlp {

// As the caller gave it; looked at when a network takes it.
struct Task {
    pybind11::object targets;
    std::string loss;
    pybind11::dict loss_constants;
    double weight;
    pybind11::object sample_weight;
};

// The same, checked against a head, in the network's precision.
struct TaskArrays {
    TargetArray targets;
    Loss loss;
    double weight;
};

// One for each head of the network, in order. Throws TypeError or ValueError naming the head.
std::vector<TaskArrays> task_arrays(const Network& network, const pybind11::object& tasks, int64_t samples);

template <class T>
HeadLosses<T> head_losses(const KernelTable<T>& kernels, const Parameters<T>& parameters, const std::vector<TaskArrays>& tasks) {
    HeadLosses<T> losses{kernels, parameters.heads(), {}};
    for (std::size_t h = 0; h < tasks.size(); ++h) {
        const HeadOutput<T>& output = parameters.heads()[h];
        const TaskArrays& task = tasks[h];
        losses.tasks.push_back({LossInUse<T>(kernels, task.loss, output.unit), view_of<T>(task.targets, output.units), T(task.weight)});
    }
    return losses;
}

}  // namespace fastmlp
