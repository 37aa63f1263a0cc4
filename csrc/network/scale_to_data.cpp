#include "network/scale_to_data.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>

#include "gemm/gemm.h"
#include "network/forward.h"
#include "runtime/arithmetic.h"
#include "runtime/dispatch.h"

namespace fastmlp {
namespace {

constexpr double least_deviation = 1e-12;  // as a share of the largest |z| of the unit: below, it is what rounding left

struct Matrix {
    Matrix(int64_t rows_, int64_t columns_)
        : rows(rows_),
          columns(columns_),
          row(padded<double>(columns_ + largest_lanes)),
          memory(place([this](Arena& in) { values = in.take<double>(checked_product(rows, row)); })) {}
    double& at(int64_t i, int64_t j) const { return values[i * row + j]; }

    int64_t rows, columns, row;
    double* values = nullptr;
    Arena memory;
};

struct Moments {
    double mean, deviation;
};

// deviation 0: the column does not vary.
Moments moments_of(const Matrix& z, int64_t j) {
    double sum = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < z.rows; ++i) {
        sum += z.at(i, j);
        largest = std::max(largest, std::abs(z.at(i, j)));
    }
    const double mean = sum / static_cast<double>(z.rows);
    for (int64_t i = 0; i < z.rows; ++i) squares += (z.at(i, j) - mean) * (z.at(i, j) - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(z.rows));
    return {mean, deviation > least_deviation * largest ? deviation : 0};
}

// Unit j of a layer so that its z becomes (z - mean) / deviation; false, and nothing is changed, where a weight would not stay finite.
template <class T>
bool rescale_unit(const Layer<T>& layer, const Layer<double>& exact, int64_t j, const Moments& of) {
    const double bias = (exact.bias[j] - of.mean) / of.deviation;
    bool stays_finite = std::isfinite(static_cast<T>(bias));
    for (int64_t i = 0; i < layer.in; ++i)
        stays_finite = stays_finite && std::isfinite(static_cast<T>(exact.weight[i * exact.weight_row + j] / of.deviation));
    if (!stays_finite) return false;
    for (int64_t i = 0; i < layer.in; ++i)
        layer.weight[i * layer.weight_row + j] = static_cast<T>(exact.weight[i * exact.weight_row + j] / of.deviation);
    layer.bias[j] = static_cast<T>(bias);
    return true;
}

// z = y W + b with the weights as they are drawn, in double.
template <class T>
void widen(const Layer<T>& layer, const Layer<double>& exact) {
    for (int64_t i = 0; i < layer.in; ++i)
        for (int64_t j = 0; j < layer.out; ++j)
            exact.weight[i * exact.weight_row + j] = static_cast<double>(layer.weight[i * layer.weight_row + j]);
    for (int64_t j = 0; j < layer.out; ++j) exact.bias[j] = static_cast<double>(layer.bias[j]);
}

template <class T>
void rescale_layer(const Layer<T>& layer, const Layer<double>& exact, const Matrix& z) {
    for (int64_t j = 0; j < layer.out; ++j) {
        for (int64_t i = 0; i < z.rows; ++i) z.at(i, j) += exact.bias[j];
        const Moments of = moments_of(z, j);
        if (of.deviation == 0 || !rescale_unit(layer, exact, j, of)) continue;
        for (int64_t i = 0; i < z.rows; ++i) z.at(i, j) = (z.at(i, j) - of.mean) / of.deviation;
    }
}

}  // namespace

template <class T>
void scale_to_data(Parameters<T>& parameters, const Spec& spec, const Inputs& inputs) {
    if (parameters.is_structured())
        throw std::invalid_argument("only networks without normalization, skips and maxout can be scaled to data");
    const DefaultArithmetic arithmetic;
    const KernelTable<double>& kernels = table<double>(fastmlp::kernels());
    const Parameters<double> exact(spec);  // constants that are learned stand in it as they begin
    auto y = std::make_unique<Matrix>(inputs.count, spec.inputs());
    gather_rows(kernels, inputs, nullptr, 0, {0, inputs.count}, spec.inputs(), y->values, y->row);
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<double>& layer = exact[l];
        widen(parameters[l], layer);
        auto z = std::make_unique<Matrix>(inputs.count, layer.out);
        gemm(kernels, z->rows, layer.out, layer.in, y->values, y->row, 1, layer.weight, layer.weight_row, 1, z->values, z->row, 1);
        rescale_layer(parameters[l], layer, *z);
        if (l + 1 == parameters.layers()) return;
        std::fill_n(layer.bias, layer.out, 0.0);  // z has it already
        kernels.bias_activation[layer.activation]({z->rows, layer.out, z->values, z->row, layer.bias, layer.constants_from(0), nullptr, 0});
        y = std::move(z);
    }
}

template void scale_to_data(Parameters<float>&, const Spec&, const Inputs&);
template void scale_to_data(Parameters<double>&, const Spec&, const Inputs&);

}  // namespace fastmlp
