#include "network/predict_few.h"

#include <algorithm>
#include <cmath>

#include "network/forward.h"
#include "network/sparse.h"
#include "network/spec.h"

namespace fastmlp {
namespace {

// own.rows = the samples, converted and scaled; where they can be used as they lie, they are. Returns the largest magnitude.
template <class T>
T read_inputs(const KernelTable<T>& kernels, const Inputs& inputs, int64_t features, FewWorkspace<T>& own) {
    constexpr SourceType same = sizeof(T) == 4 ? SourceType::float32 : SourceType::float64;
    own.rows.rows = inputs.count;
    if (inputs.type == same && inputs.shift == nullptr) {
        own.rows.x = static_cast<const T*>(inputs.data);
        own.rows.x_row = inputs.row_bytes / static_cast<int64_t>(sizeof(T));
        return kernels.find_nonzero(features, own.rows);
    }
    own.rows.x = own.x;
    own.rows.x_row = own.x_row;
    const T largest =
        kernels.gather[static_cast<int>(inputs.type)](samples_of(inputs, nullptr, 0, inputs.count, features), own.x, own.x_row);
    kernels.find_nonzero(features, own.rows);
    return largest;
}

// Along the rows where that gives the same bits; what is infinite or NaN is left to the kernel of the batch.
template <class T>
void apply_softmax(const KernelTable<T>& kernels, int64_t outputs, T* y, T largest, FewWorkspace<T>& own) {
    if (!std::isfinite(largest)) return kernels.softmax(own.rows.rows, outputs, y, own.y_row, own.softmax_columns);
    for (int64_t i = 0; i < own.rows.rows; ++i) kernels.softmax_row(outputs, y + i * own.y_row);
}

}  // namespace

template <class T>
bool predict_few(const KernelTable<T>& kernels, const Parameters<T>& parameters, const Inputs& inputs, FewWorkspace<T>& own, T* outputs) {
    if (!std::isfinite(read_inputs(kernels, inputs, parameters[0].in, own))) return false;
    const int64_t layers = parameters.layers();
    T largest = 0;  // of the layer's inputs, which are finite at first
    for (int64_t l = 0; l < layers; ++l) {
        const Layer<T>& layer = parameters[l];
        const bool softmax = is_rowwise(layer.activation);
        const int activation = softmax ? IdOf<Identity, Activations>::value : layer.activation;
        T* const y = own.y[l % 2];
        const bool sparse =
            parameters.sparse && std::isfinite(largest) && few_rows_sparse(parameters, l, own.rows, own.panels, y, own.y_row);
        if (!sparse) kernels.few_rows_product(own.rows, layer.weight, layer.weight_row, layer.out, y, own.y_row);
        largest =
            kernels.bias_activation[activation]({inputs.count, layer.out, y, own.y_row, layer.bias, layer.constants_from(0), nullptr, 0});
        if (softmax) apply_softmax(kernels, layer.out, y, largest, own);
        own.rows.x = y;
        own.rows.x_row = own.y_row;
        if (l + 1 < layers) kernels.find_nonzero(layer.out, own.rows);
    }
    if (!parameters.heads().empty())
        apply_output_units(kernels, parameters.heads(), inputs.count, own.y[(layers - 1) % 2], own.y_row, own.head);
    const int64_t width = parameters[layers - 1].out;
    for (int64_t i = 0; i < inputs.count; ++i) {
        const T* const y = own.rows.x + i * own.y_row;
        std::copy(y, y + width, outputs + i * width);
    }
    return true;
}

template bool predict_few(const KernelTable<float>&, const Parameters<float>&, const Inputs&, FewWorkspace<float>&, float*);
template bool predict_few(const KernelTable<double>&, const Parameters<double>&, const Inputs&, FewWorkspace<double>&, double*);

}  // namespace fastmlp
