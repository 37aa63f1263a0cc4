#include "network/parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "random/draws.h"
#include "runtime/arithmetic.h"

namespace fastmlp {

template <class T>
Parameters<T>::Parameters(const Spec& spec) {
    for (int64_t l = 0; l < spec.layers(); ++l) {
        const auto i = static_cast<std::size_t>(l);
        const ChosenActivation& chosen = spec.activations[i];
        layers_.push_back({spec.sizes[i], spec.sizes[i + 1], chosen.id, nullptr, padded<T>(spec.sizes[i + 1]), nullptr, {}});
        std::copy(chosen.constants.begin(), chosen.constants.end(), layers_.back().constants.begin());
    }
    memory_ = place([this](Arena& in) {
        for (Layer<T>& layer : layers_) {
            layer.weight = in.take<T>(checked_product(layer.in, layer.weight_row));
            layer.bias = in.take<T>(layer.weight_row);
        }
    });
}

template <class T>
T Parameters<T>::largest_magnitude() const {
    T largest = 0;
    for (const Layer<T>& layer : layers_) {
        for (int64_t i = 0; i < layer.in * layer.weight_row; ++i) largest = std::max(largest, std::abs(layer.weight[i]));
        for (int64_t j = 0; j < layer.out; ++j) largest = std::max(largest, std::abs(layer.bias[j]));
    }
    return largest;
}

namespace {

// X. Glorot and Y. Bengio, AISTATS 2010; K. He et al., ICCV 2015. `scale` is the standard deviation of a normal, the limit of a uniform.
struct Distribution {
    InitializerRow row;
    bool normal;
    double (*scale)(double in, double out, double std);
};
constexpr Distribution distributions[] = {
    {{"normal", "N(0, std^2)"}, true, [](double, double, double std) { return std; }},
    {{"glorot_uniform", "U(-a, a), a = sqrt(6 / (in + out))"},
     false,
     [](double in, double out, double) { return std::sqrt(6 / (in + out)); }},
    {{"glorot_normal", "N(0, 2 / (in + out))"}, true, [](double in, double out, double) { return std::sqrt(2 / (in + out)); }},
    {{"he_uniform", "U(-a, a), a = sqrt(6 / in)"}, false, [](double in, double, double) { return std::sqrt(6 / in); }},
    {{"he_normal", "N(0, 2 / in)"}, true, [](double in, double, double) { return std::sqrt(2 / in); }},
    {{"zeros", "0"}, true, [](double, double, double) { return 0.0; }},
};

const Distribution& distribution(const std::string& name) {
    std::vector<const char*> names;
    for (const Distribution& d : distributions) names.push_back(d.row.name);
    return distributions[id_of(name, names.data(), static_cast<int>(names.size()), "initializer")];
}

template <class T>
void fill(T* to, int64_t rows, int64_t columns, int64_t row, const Stream& stream, bool normal, double scale) {
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; j += 2) {
            const auto r = static_cast<uint32_t>(i), pair = static_cast<uint32_t>(j / 2);
            const auto values = normal ? normal_pair(stream, r, pair) : symmetric_pair(stream, r, pair);
            for (int64_t e = 0; e < 2 && j + e < columns; ++e)
                to[i * row + j + e] = static_cast<T>(scale * values[static_cast<std::size_t>(e)] + 0.0);  // + 0.0: never a negative zero
        }
    }
}

}  // namespace

const std::vector<InitializerRow>& initializers() {
    static const std::vector<InitializerRow> rows = [] {
        std::vector<InitializerRow> all;
        for (const Distribution& d : distributions) all.push_back(d.row);
        return all;
    }();
    return rows;
}

template <class T>
void initialize(Parameters<T>& parameters, const Initializer& with) {
    const Distribution& weights = distribution(with.weights);
    const char* const bias_names[] = {"zeros", "normal"};
    const bool normal_biases = id_of(with.biases, bias_names, 2, "bias initializer") == 1;
    const double largest_std = static_cast<double>(std::numeric_limits<T>::max()) / 16;  // no draw lies 16 deviations out
    if (!(with.std >= 0 && with.std <= largest_std))
        throw std::invalid_argument("the standard deviation of the initializer is " + std::to_string(with.std) +
                                    "; it must not be negative, and its draws must be finite");
    const DefaultArithmetic arithmetic;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        const double scale = weights.scale(static_cast<double>(layer.in), static_cast<double>(layer.out), with.std);
        const auto number = static_cast<uint32_t>(l);
        fill(layer.weight, layer.in, layer.out, layer.weight_row, {with.seed, Purpose::weights, number}, weights.normal, scale);
        fill(layer.bias, 1, layer.out, layer.out, {with.seed, Purpose::biases, number}, true, normal_biases ? with.std : 0.0);
    }
}

template class Parameters<float>;
template class Parameters<double>;
template void initialize(Parameters<float>&, const Initializer&);
template void initialize(Parameters<double>&, const Initializer&);

}  // namespace fastmlp
