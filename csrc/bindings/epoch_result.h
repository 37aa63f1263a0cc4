// fastmlp._core.EpochResult: what an epoch has done, and which that was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <pybind11/numpy.h>

#include "network/epoch.h"

namespace fastmlp {

struct EpochResult : EpochReport {
    int64_t epoch = -1;         // none yet
    std::string stop_reason{};  // why no epoch should follow; empty: one may
};

// (steps, 2): loss and learning rate.
pybind11::array array_of(const std::vector<StepFigures>& steps);

// Throws std::invalid_argument unless this can be what an interruption has left of `epoch`, in steps of `batch` of `rows` samples, for so
// many heads.
void require_begun(const EpochResult& so_far, int64_t epoch, int64_t batch, int64_t rows, std::size_t heads);

}  // namespace fastmlp
