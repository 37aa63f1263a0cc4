// What a layer has between its product and its activation, or added to it, where it is not plain; structured.h tells how it is used.
#pragma once

#include <cstdint>
#include <vector>

#include "math/normalizations.h"

namespace fastmlp {

// Names of the tensors of a normalised layer.
namespace normalization_tensors {
constexpr const char *scale = "scale", *shift = "shift", *running_mean = "running_mean", *running_variance = "running_variance";
}

// y[from] goes past the layers between.
template <class T>
struct SkipInto {
    int64_t from, width;  // of y[from]
    int64_t number;       // of its projection among the layer's extras; -1: y[from] is added as it is
    const T* projection;  // (width x out), ld = projection_row; null likewise
    int64_t projection_row;
};

template <class T>
struct LayerStructure {
    int normalization_id = Normalizations::none;
    T momentum = 0, epsilon = 0;
    const T *scale = nullptr, *shift = nullptr;              // (out), padded; null where the normalisation has none
    T *running_mean = nullptr, *running_variance = nullptr;  // likewise
    int64_t scale_number = -1, shift_number = -1;            // among the layer's extras
    std::vector<SkipInto<T>> skips;                          // in ascending order of `from`
    int64_t pieces = 1;                                      // of each unit

    const NormalizationRow& normalization() const { return Normalizations::rows[normalization_id]; }
    bool normalizes() const { return normalization_id != Normalizations::none; }
    bool any() const { return normalizes() || !skips.empty() || pieces > 1; }
};

}  // namespace fastmlp
