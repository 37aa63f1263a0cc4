// fastmlp._core.EpochResult: what an epoch has done, and which that was.
#pragma once

#include <cstdint>

#include "network/epoch.h"

namespace fastmlp {

struct EpochResult : EpochReport {
    int64_t epoch = -1;  // none yet
};

// Throws std::invalid_argument unless this can be what an interruption has left of `epoch`, in steps of `batch` of `rows` samples.
void require_begun(const EpochResult& so_far, int64_t epoch, int64_t batch, int64_t rows);

}  // namespace fastmlp
