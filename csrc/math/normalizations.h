// What normalises z = x W + b before the activation: names, formulas as text, constants with meaning, default and range.
// Batch: S. Ioffe and C. Szegedy, ICML 2015. Layer: J. Ba, J. Kiros and G. Hinton, 2016. RMS: B. Zhang and R. Sennrich, NeurIPS 2019.
#pragma once

#include "math/activations.h"

namespace fastmlp {

// Over what mean and variance are taken: the samples of a batch, for each unit; or the units, for each sample.
enum class Over { nothing, samples, units };

struct NormalizationRow {
    const char* name;
    const char* formula;
    Over over;
    bool centres;  // takes the mean away, and has a shift
    ActivationConstants constants;
};

struct Normalizations {
    enum { none, batch, layer, rms, count };
    static constexpr ActivationConstant epsilon = {"epsilon", "is added to the variance", 1e-5, 1e-30, unlimited_constant};
    static constexpr NormalizationRow rows[] = {
        {"none", "z", Over::nothing, false, {0, {}}},
        {"batch",
         "scale (z - mean) / sqrt(variance + epsilon) + shift, over the batch; in prediction over what training has seen",
         Over::samples,
         true,
         {2, {{"momentum", "share of a batch in the mean and variance for prediction", 0.1, 0, 1}, epsilon}}},
        {"layer", "scale (z - mean) / sqrt(variance + epsilon) + shift, over the units of the layer", Over::units, true, {1, {epsilon}}},
        {"rms", "scale z / sqrt(mean of z^2 + epsilon), over the units of the layer", Over::units, false, {1, {epsilon}}}};
};

}  // namespace fastmlp
