#include "network/single.h"

#include <algorithm>
#include <cmath>

#include "network/spec.h"

namespace fastmlp {
namespace {

// Finds where sample i, converted and scaled, is not zero; it is used as it lies where it can be. Returns its largest magnitude.
template <class T>
T read_row(const KernelTable<T>& kernels, const Inputs& inputs, int64_t i, int64_t features, RowWorkspace<T>& own) {
    constexpr SourceType same = sizeof(T) == 4 ? SourceType::float32 : SourceType::float64;
    const char* const sample = static_cast<const char*>(inputs.data) + i * inputs.row_bytes;
    if (inputs.type == same && inputs.shift == nullptr) return kernels.find_nonzero(features, reinterpret_cast<const T*>(sample), own.row);
    GatherArguments from{};
    from.source = sample;
    from.rows = 1;
    from.columns = features;
    from.shift = inputs.shift;
    from.scale = inputs.scale;
    const T largest = kernels.gather[static_cast<int>(inputs.type)](from, own.x, 0);
    kernels.find_nonzero(features, own.x, own.row);
    return largest;
}

// Along the row where that gives the same bits; what is infinite or NaN is left to the kernel of the batch.
template <class T>
void apply_softmax(const KernelTable<T>& kernels, int64_t outputs, T* y, T largest, RowWorkspace<T>& own) {
    if (std::isfinite(largest))
        kernels.softmax_row(outputs, y);
    else
        kernels.softmax(1, outputs, y, 0, own.softmax_columns);
}

}  // namespace

template <class T>
bool predict_row(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, int64_t i, RowWorkspace<T>& own,
                 T* outputs) {
    if (!std::isfinite(read_row(kernels, inputs, i, parameters[0].in, own))) return false;
    const int64_t layers = parameters.layers();
    T* y = own.y[0];
    for (int64_t l = 0; l < layers; ++l) {
        const Layer<T>& layer = parameters[l];
        const bool softmax = is_rowwise(layer.activation);
        y = own.y[l % 2];
        kernels.sparse_row_product(own.row, layer.weight, layer.weight_row, layer.out, y);
        const int activation = softmax ? IdOf<Identity, Activations>::value : layer.activation;
        const T largest = kernels.bias_activation[activation](1, layer.out, y, 0, layer.bias);
        if (l + 1 < layers) kernels.find_nonzero(layer.out, y, own.row);
        if (softmax) apply_softmax(kernels, layer.out, y, largest, own);
    }
    std::copy(y, y + parameters[layers - 1].out, outputs);
    return true;
}

template bool predict_row(const KernelTable<float>&, const Parameters<float>&, const Inputs&, int64_t, RowWorkspace<float>&, float*);
template bool predict_row(const KernelTable<double>&, const Parameters<double>&, const Inputs&, int64_t, RowWorkspace<double>&, double*);

}  // namespace fastmlp
