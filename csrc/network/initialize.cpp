#include "network/initialize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "random/draws.h"
#include "runtime/arithmetic.h"

namespace fastmlp {
namespace {

enum class Drawn { uniform, normal, truncated, orthogonal };

// X. Glorot and Y. Bengio, AISTATS 2010; K. He et al., ICCV 2015; Y. LeCun et al., "Efficient BackProp", 1998; A. Saxe et al., ICLR 2014.
// `scale` is the limit of a uniform, else the standard deviation (of a truncated normal, before it is truncated).
struct Distribution {
    InitializerRow row;
    Drawn drawn;
    double (*scale)(double in, double out, double std);
};
constexpr Distribution distributions[] = {
    {{"normal", "N(0, std^2)"}, Drawn::normal, [](double, double, double std) { return std; }},
    {{"truncated_normal", "N(0, std^2) within 2 std"}, Drawn::truncated, [](double, double, double std) { return std; }},
    {{"uniform", "U(-a, a), a = sqrt(3) std"}, Drawn::uniform, [](double, double, double std) { return std::sqrt(3.0) * std; }},
    {{"glorot_uniform", "U(-a, a), a = sqrt(6 / (in + out))"},
     Drawn::uniform,
     [](double in, double out, double) { return std::sqrt(6 / (in + out)); }},
    {{"glorot_normal", "N(0, 2 / (in + out))"}, Drawn::normal, [](double in, double out, double) { return std::sqrt(2 / (in + out)); }},
    {{"he_uniform", "U(-a, a), a = sqrt(6 / in)"}, Drawn::uniform, [](double in, double, double) { return std::sqrt(6 / in); }},
    {{"he_normal", "N(0, 2 / in)"}, Drawn::normal, [](double in, double, double) { return std::sqrt(2 / in); }},
    {{"lecun_uniform", "U(-a, a), a = sqrt(3 / in)"}, Drawn::uniform, [](double in, double, double) { return std::sqrt(3 / in); }},
    {{"lecun_normal", "N(0, 1 / in)"}, Drawn::normal, [](double in, double, double) { return std::sqrt(1 / in); }},
    {{"orthogonal", "W^T W = 1 or W W^T = 1, from N(0, 1)"}, Drawn::orthogonal, [](double, double, double) { return 1.0; }},
    {{"zeros", "0"}, Drawn::normal, [](double, double, double) { return 0.0; }},
};

const Distribution& distribution(const std::string& name) {
    std::vector<const char*> names;
    for (const Distribution& d : distributions) names.push_back(d.row.name);
    return distributions[id_of(name, names.data(), static_cast<int>(names.size()), "initializer")];
}

// Two values for one place.
std::array<double, 2> drawn_pair(Drawn drawn, Stream stream, uint32_t row, uint32_t column) {
    if (drawn == Drawn::uniform) return symmetric_pair(stream, row, column);
    std::array<double, 2> values = normal_pair(stream, row, column);
    if (drawn != Drawn::truncated) return values;
    // Each that lies too far out is drawn again, from a part of the stream that first attempts do not reach.
    for (std::size_t e = 0; e < 2; ++e)
        for (uint32_t again = 1; std::abs(values[e]) > 2; ++again) {
            stream.step = (stream.step & 0xffff) | again << 16;
            values[e] = normal_pair(stream, row, column)[e];
        }
    return values;
}

// scale: of all columns, or of each
double scale_of(double scale, int64_t) { return scale; }
double scale_of(const double* scales, int64_t column) { return scales[column]; }

template <class T, class Scale>
void fill(T* to, int64_t rows, int64_t columns, int64_t row, const Stream& stream, Drawn drawn, Scale scale) {
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; j += 2) {
            const auto values = drawn_pair(drawn, stream, static_cast<uint32_t>(i), static_cast<uint32_t>(j / 2));
            for (int64_t e = 0; e < 2 && j + e < columns; ++e)
                to[i * row + j + e] =
                    static_cast<T>(scale_of(scale, j + e) * values[static_cast<std::size_t>(e)] + 0.0);  // + 0.0: never a negative zero
        }
    }
}

// Sums in eight chains, joined in order: the compiler may keep them in vectors, and the order is the same everywhere.
double dot(const double* a, const double* b, int64_t n) {
    double sums[8] = {};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int64_t e = 0; e < 8; ++e) sums[e] += a[i + e] * b[i + e];
    for (; i < n; ++i) sums[0] += a[i] * b[i];
    double sum = 0;
    for (const double part : sums) sum += part;
    return sum;
}

// Rows of normal numbers made orthonormal by Gram and Schmidt, twice (once leaves what rounding put in: L. Giraud et al., 2005). As many
// as W's shorter side, as long as the other.
template <class T>
void fill_orthogonal(T* to, int64_t in, int64_t out, int64_t row, const Stream& stream) {
    const bool wide = out >= in;
    const int64_t rows = std::min(in, out), length = std::max(in, out);
    std::vector<double> q(static_cast<std::size_t>(checked_product(rows, length)));
    fill(q.data(), rows, length, length, stream, Drawn::normal, 1.0);
    for (int64_t r = 0; r < rows; ++r) {
        double* const own = q.data() + r * length;
        for (int64_t other = 0; other < 2 * r; ++other) {
            const double* const before = q.data() + other % r * length;
            const double share = dot(before, own, length);
            for (int64_t i = 0; i < length; ++i) own[i] -= share * before[i];
        }
        const double norm = std::sqrt(dot(own, own, length));
        for (int64_t i = 0; i < length; ++i) own[i] /= norm;
    }
    for (int64_t i = 0; i < in; ++i)
        for (int64_t j = 0; j < out; ++j)
            to[i * row + j] = static_cast<T>(q[static_cast<std::size_t>(wide ? i * length + j : j * length + i)] + 0.0);
}

// Where units lack some of their inputs, each counts those that it has; the other side is the mean over the inputs.
template <class T>
void fill_masked(const Layer<T>& layer, const Distribution& weights, double std, const Stream& stream) {
    std::vector<double> scales(static_cast<std::size_t>(layer.out));
    std::vector<int64_t> inputs(scales.size(), 0);
    int64_t all = 0;
    for (int64_t i = 0; i < layer.in; ++i)
        for (int64_t j = 0; j < layer.out; ++j) inputs[static_cast<std::size_t>(j)] += layer.mask[i * layer.weight_row + j] != 0;
    for (const int64_t count : inputs) all += count;
    const double outputs = std::max(1.0, static_cast<double>(all) / static_cast<double>(layer.in));
    for (std::size_t j = 0; j < scales.size(); ++j)
        scales[j] = weights.scale(static_cast<double>(std::max<int64_t>(1, inputs[j])), outputs, std);
    if (weights.drawn == Drawn::orthogonal)
        fill_orthogonal(layer.weight, layer.in, layer.out, layer.weight_row, stream);
    else
        fill(layer.weight, layer.in, layer.out, layer.weight_row, stream, weights.drawn, scales.data());
    for (int64_t i = 0; i < layer.in * layer.weight_row; ++i)
        if (layer.mask[i] == 0) layer.weight[i] = 0;
}

// in inputs of the layer's units; each piece of a unit counts as a unit.
template <class T>
void fill_whole(const Layer<T>& layer, T* to, int64_t in, const Distribution& weights, double std, const Stream& stream) {
    if (weights.drawn == Drawn::orthogonal) return fill_orthogonal(to, in, layer.out, layer.weight_row, stream);
    const double scale = weights.scale(static_cast<double>(in), static_cast<double>(layer.out / layer.structure.pieces), std);
    fill(to, in, layer.out, layer.weight_row, stream, weights.drawn, scale);
}

template <class T>
void fill_weights(const Layer<T>& layer, const Distribution& weights, double std, const Stream& stream) {
    if (layer.mask) return fill_masked(layer, weights, std, stream);
    fill_whole(layer, layer.weight, layer.in, weights, std, stream);
}

// As weights, from a part of their stream that these do not reach.
template <class T>
void fill_projection(const Layer<T>& layer, const SkipInto<T>& skip, const Distribution& weights, double std, Stream stream) {
    stream.step = static_cast<uint32_t>(skip.from + 1);
    fill_whole(layer, layer.extras[static_cast<std::size_t>(skip.number)].values, skip.width, weights, std, stream);
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
    parameters.fill_extras();
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        if (!parameters.owns(l)) continue;
        const auto number = static_cast<uint32_t>(l);
        fill_weights(layer, weights, with.std, {with.seed, Purpose::weights, number});
        for (const SkipInto<T>& skip : layer.structure.skips)
            if (skip.number >= 0) fill_projection(layer, skip, weights, with.std, {with.seed, Purpose::weights, number});
        fill(layer.bias, 1, layer.out, layer.out, {with.seed, Purpose::biases, number}, Drawn::normal, normal_biases ? with.std : 0.0);
    }
    parameters.fill_transposes();
}

template void initialize(Parameters<float>&, const Initializer&);
template void initialize(Parameters<double>&, const Initializer&);

}  // namespace fastmlp
