// Everything is held as (features x samples): y_t[l], delta_t[l]. Then
//
//   forward   y_t[l+1] = f(W[l]^T y_t[l] + b[l])
//   backward  delta_t[l-1] = (W[l] delta_t[l]) * f'(z[l-1])
//
// need no transposition and no padding, and a few samples go through the whole network while they are in the first-level cache.
// Only the weight gradient, whose chains run over the samples, wants delta as rows; each is transposed once.
#include "network/narrow.h"

#include <algorithm>

namespace fastmlp {
namespace {

constexpr int64_t widest = 64;
constexpr int64_t samples_at_a_time = 64;

template <class T>
struct Pass {
    const Chunk<T>& c;
    Range mine;  // samples of the chunk

    void gather() const {
        const Inputs& inputs = c.context.inputs;
        const GatherArguments from = samples_of(inputs, c.order, c.first + mine.begin, mine.size(), c.parameters[0].in);
        T* const x = c.plan.y_t[0] + mine.begin;
        const T largest = c.kernels.gather_columns[static_cast<int>(inputs.type)](from, x, c.plan.delta_t_row);
        c.peaks.y[0] = std::max(c.peaks.y[0], largest);
    }

    void forward() const {
        const int64_t layers = c.parameters.layers(), row = c.plan.delta_t_row;
        for (int64_t l = 0; l < layers; ++l) {
            const Layer<T>& layer = c.parameters[l];
            const bool last = l + 1 == layers;
            const int activation = last ? IdOf<Identity, Activations>::value : layer.activation;
            T* const y = last ? c.plan.delta_t[at(l)] : c.plan.y_t[at(l + 1)];
            T* const slope = last ? nullptr : c.plan.slope_t[at(l + 1)];
            T largest = 0;
            multiply(
                c.kernels, Product<T>{layer.in, layer.weight, 1, layer.weight_row, c.plan.y_t[at(l)], row, 1, y, row},
                {{0, layer.out}, mine}, c.scratch.tile,
                [&](const Range& units, const Range& samples, T* tile, int64_t tile_row) {
                    T* const kept = slope ? slope + units.begin * row + samples.begin : nullptr;
                    largest = std::max(largest, c.kernels.bias_activation_columns[activation]({units.size(), samples.size(), tile, tile_row,
                                                                                               layer.bias + units.begin,
                                                                                               layer.constants.data(), kept, row}));
                },
                [] { return false; });
            if (!last) c.peaks.y[at(l + 1)] = std::max(c.peaks.y[at(l + 1)], largest);
        }
    }

    void loss() const {
        const int64_t l = c.parameters.layers() - 1;
        for (int64_t r = mine.begin; r < mine.end; r += c.kernels.lanes)
            loss_of_group<T>(c, l, nullptr, r, std::min<int64_t>(c.kernels.lanes, mine.end - r));
    }

    void backward() const {
        const int64_t row = c.plan.delta_t_row;
        for (int64_t l = c.parameters.layers() - 1; l >= 1; --l) {
            const Layer<T>& layer = c.parameters[l];
            const int64_t delta_row = c.plan.activity.row[at(l)];
            multiply(
                c.kernels,
                Product<T>{layer.out, layer.weight, layer.weight_row, 1, c.plan.delta_t[at(l)], row, 1, c.plan.delta_t[at(l - 1)], row},
                {{0, layer.in}, mine}, c.scratch.tile, [](const Range&, const Range&, const T*, int64_t) {}, [] { return false; });
            const T* const slopes = c.plan.slope_t[at(l)] ? c.plan.slope_t[at(l)] : c.plan.y_t[at(l)];
            const T largest = c.kernels.backward_columns[c.parameters[l - 1].activation](
                layer.in, mine.size(), c.plan.delta_t[at(l - 1)] + mine.begin, row, slopes + mine.begin, row,
                c.plan.delta[at(l - 1)] + mine.begin * delta_row, delta_row);
            c.peaks.delta[at(l - 1)] = std::max(c.peaks.delta[at(l - 1)], largest);
        }
    }
};

}  // namespace

template <class T>
bool is_narrow(const Parameters<T>& parameters, int64_t batch, int lanes) {
    int64_t width = parameters[0].in;
    for (int64_t l = 0; l < parameters.layers(); ++l) width = std::max(width, parameters[l].out);
    return width <= widest && batch >= lanes;
}

template <class T>
void pass_narrow(const Chunk<T>& chunk) {
    const Range all = chunk.my_samples();
    for (int64_t r = all.begin; r < all.end; r += samples_at_a_time) {
        const Pass<T> pass{chunk, {r, std::min(all.end, r + samples_at_a_time)}};
        pass.gather();
        pass.forward();
        pass.loss();
        pass.backward();
    }
    chunk.member.wait();
}

template bool is_narrow(const Parameters<float>&, int64_t, int);
template bool is_narrow(const Parameters<double>&, int64_t, int);
template void pass_narrow(const Chunk<float>&);
template void pass_narrow(const Chunk<double>&);

}  // namespace fastmlp
