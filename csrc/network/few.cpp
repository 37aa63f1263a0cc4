// Tiles are made for many rows. One to four samples are bound by reading W, so each act reads it once, row after row, and leaves out
// the rows that belong to inputs which are zero in all of the samples, be they pixels or what ReLU made so: they add nothing to
// forward, and plain SGD does not change them.
#include "network/few.h"

#include <algorithm>

#include "network/update.h"

namespace fastmlp {

template <class T>
void forward_few(const Chunk<T>& c) {
    const Activity<T>& activity = c.plan.activity;
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<T>& layer = c.parameters[l];
        const bool last = l + 1 == c.parameters.layers();
        const int activation = last ? IdOf<Identity, Activations>::value : layer.activation;
        T* const y = activity.y[at(l + 1)];
        const int64_t y_row = activity.row[at(l + 1)];
        FewRows<T>& x = c.plan.few[at(l)];
        x.rows = c.rows;
        c.kernels.find_nonzero(layer.in, x);
        c.kernels.few_rows_product(x, layer.weight, layer.weight_row, layer.out, y, y_row);
        const T largest = c.kernels.bias_activation[activation](
            {c.rows, layer.out, y, y_row, layer.bias, layer.constants.data(), activity.slope[at(l + 1)], y_row});
        if (!last) c.peaks.y[at(l + 1)] = std::max(c.peaks.y[at(l + 1)], largest);
    }
}

template <class T>
void backward_few(const Chunk<T>& c) {
    const Activity<T>& activity = c.plan.activity;
    for (int64_t l = c.parameters.layers() - 1; l >= 1; --l) {
        const Layer<T>& layer = c.parameters[l];
        const auto kernel = c.kernels.few_rows_backward[c.parameters[l - 1].activation];
        const T largest = kernel({c.rows, layer.in, layer.out, c.plan.delta[at(l)], activity.row[at(l + 1)], layer.weight, layer.weight_row,
                                  activity.slope_source(l), c.plan.delta[at(l - 1)], activity.row[at(l)]});
        c.peaks.delta[at(l - 1)] = std::max(c.peaks.delta[at(l - 1)], largest);
    }
}

template <class T>
void update_few(const Chunk<T>& c, int64_t batch) {
    const auto kernel = c.kernels.few_rows_update[c.plan.optimizer.rule.optimizer.id];
    T largest = c.peaks.parameters;  // weights that are left out count too
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<T>& layer = c.parameters[l];
        const Range columns{0, layer.out};
        const UpdateArguments<T> arguments = weight_arguments(c.context, l, batch, {0, layer.in}, columns);
        largest = std::max(largest, kernel(c.plan.few[at(l)], c.plan.delta[at(l)], c.plan.activity.row[at(l + 1)], arguments));
        sum_bias_gradient(c, l, columns);
        largest = std::max(largest, update_bias(c.context, l, batch, columns));
    }
    c.peaks.parameters = largest;
}

template void forward_few(const Chunk<float>&);
template void forward_few(const Chunk<double>&);
template void backward_few(const Chunk<float>&);
template void backward_few(const Chunk<double>&);
template void update_few(const Chunk<float>&, int64_t);
template void update_few(const Chunk<double>&, int64_t);

}  // namespace fastmlp
