// fastmlp._core.EpochResult: what an epoch has done, and which that was.
#pragma once

#include <cstddef>
#include <cstdint>

#include "network/epoch.h"

namespace fastmlp {

struct EpochResult : EpochReport {
    int64_t epoch = -1;  // none yet
};

// Throws std::invalid_argument unless this can be what an interruption has left of `epoch`, in steps of `batch` of `rows` samples, for so many
// heads.
void require_begun(const EpochResult& so_far, int64_t epoch, int64_t batch, int64_t rows, std::size_t heads);

}  // namespace fastmlp
