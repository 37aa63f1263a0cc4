// Which pairs a product needs is decided by its k, along which factors are paired:
//
//   forward   y[l] W[l]               k = in       y along its rows,                      W down its columns
//   backward  W[l] delta[l]^T         k = out      W along its rows,                      delta^T down its columns
//   gradient  y[l]^T delta[l]         k = samples  y down its columns (walked along them), delta down its columns
//
// A tile starts at an even row and an even column, so that whole pairs fall to one member of the team.
#include "network/mixed.h"

#include <algorithm>

#include "network/dropout.h"
#include "network/update.h"

namespace fastmlp {
namespace {

struct Mixed {
    const Chunk<float>& c;
    const MixedFactors& factors = c.plan.mixed;
    const PairKernels& pairs = *c.plan.mixed.kernels;
    const TileScratch<Pair> scratch{c.scratch.tile.tile};
    int64_t panel = static_cast<int64_t>(pairs.tile_vectors) * pairs.lanes;

    void gather() const {
        const Range mine = c.my_samples();
        const Activity<float>& activity = c.plan.activity;
        const int64_t features = c.parameters[0].in;
        float largest = gather_inputs(c, activity.y[0]);
        if (c.plan.dropout) largest *= drop_inputs(c, activity.y[0]);
        c.peaks.y[0] = std::max(c.peaks.y[0], largest);
        if (mine.size() > 0) round_samples(0, mine, {0, features}, activity.y[0] + mine.begin * activity.row[0], activity.row[0]);
        prefetch_rows(c.context.inputs, c.order, c.first + c.rows + mine.begin, mine.size(), features);
        c.member.wait();
    }

    // A rectangle of y[l], in both forms.
    void round_samples(int64_t l, const Range& samples, const Range& columns, const float* y, int64_t y_row) const {
        const int64_t along_row = factors.along_row[at(l)], down_row = c.plan.activity.row[at(l)];
        pairs.round({samples.size(), columns.size(), y, y_row, factors.y_along[at(l)] + samples.begin * along_row + columns.begin / 2,
                     along_row, factors.y_down[at(l)] + samples.begin / 2 * down_row + columns.begin, down_row});
    }

    void round_slopes(int64_t l, const Range& samples, const Range& columns, const float* slope, int64_t slope_row) const {
        const int64_t down_row = c.plan.activity.row[at(l)];
        Pair* const to = factors.slope_down[at(l)] + samples.begin / 2 * down_row + columns.begin;
        pairs.round({samples.size(), columns.size(), slope, slope_row, nullptr, 0, to, down_row});
    }

    void forward() const {
        const int64_t layers = c.parameters.layers();
        for (int64_t l = 0; l < layers; ++l) {
            const Layer<float>& layer = c.parameters[l];
            const bool last = l + 1 == layers;
            const int activation = last ? IdOf<Identity, Activations>::value : layer.activation;
            const Product<Pair> product{pairs_of(layer.in),
                                        factors.y_along[at(l)],
                                        factors.along_row[at(l)],
                                        1,
                                        factors.w_down[at(l)],
                                        layer.weight_row,
                                        1,
                                        last ? c.plan.activity.y[at(l + 1)] : nullptr,
                                        c.plan.activity.row[at(l + 1)]};
            const Share share = share_of(c.rows, 2, layer.out, panel, c.member);
            const bool drops = !last && dropped(l + 1);
            float largest = 0;
            multiply(
                pairs, product, share, scratch,
                [&](const Range& samples, const Range& columns, float* tile, int64_t tile_row) {
                    if (drops) {
                        largest = std::max(largest, activate_and_drop(l, samples, columns, tile, tile_row));
                        return round_samples(l + 1, samples, columns, tile, tile_row);
                    }
                    Pair* const kept = last ? nullptr : factors.slope_down[at(l + 1)];
                    float* const slope = kept ? factors.slope_tile[static_cast<std::size_t>(c.member.index)] : nullptr;
                    largest = std::max(largest, c.kernels.bias_activation[activation]({samples.size(), columns.size(), tile, tile_row,
                                                                                       layer.bias + columns.begin, layer.constants.data(),
                                                                                       slope, tile_row}));
                    if (!last) round_samples(l + 1, samples, columns, tile, tile_row);
                    if (kept) round_slopes(l + 1, samples, columns, slope, tile_row);
                },
                [this] { return c.leaves(); });
            if (!last) c.peaks.y[at(l + 1)] = std::max(c.peaks.y[at(l + 1)], largest);
            c.member.wait();
        }
    }

    bool dropped(int64_t l) const { return c.plan.dropout && c.plan.dropout.of[at(l)]; }

    // A finished tile of layer l whose units are dropped: what backward needs of it stays whole, in float. Returns the largest magnitude.
    float activate_and_drop(int64_t l, const Range& samples, const Range& columns, float* tile, int64_t tile_row) const {
        const Layer<float>& layer = c.parameters[l];
        const Activity<float>& activity = c.plan.activity;
        const int64_t row = activity.row[at(l + 1)], place = samples.begin * row + columns.begin;
        float* const slope = activity.slope[at(l + 1)];
        const float largest =
            c.kernels.bias_activation[layer.activation]({samples.size(), columns.size(), tile, tile_row, layer.bias + columns.begin,
                                                         layer.constants.data(), slope ? slope + place : nullptr, row});
        for (int64_t i = 0; i < samples.size(); ++i)
            std::copy_n(tile + i * tile_row, columns.size(), activity.y[at(l + 1)] + place + i * row);
        return largest * drop_tile(c, l + 1, samples, columns, tile, tile_row);
    }

    // A rectangle of delta[l] and of its transpose, as the products below it read them.
    void round_delta(int64_t l, const Range& samples, const Range& units) const {
        const int64_t row = c.plan.activity.row[at(l + 1)], t_row = c.plan.delta_t_row;
        pairs.round({samples.size(), units.size(), c.plan.delta[at(l)] + samples.begin * row + units.begin, row, nullptr, 0,
                     factors.delta_down[at(l)] + samples.begin / 2 * row + units.begin, row});
        if (factors.delta_t[at(l)] == nullptr) return;
        pairs.round({units.size(), samples.size(), c.plan.delta_t[at(l)] + units.begin * t_row + samples.begin, t_row, nullptr, 0,
                     factors.delta_t[at(l)] + units.begin / 2 * t_row + samples.begin, t_row});
    }

    // The loss is computed in float; its delta is rounded for the products below it. False: a loss of the caller's has failed.
    bool loss() const {
        const int64_t l = c.parameters.layers() - 1, row = c.plan.activity.row[at(l + 1)];
        const Range mine = c.my_samples();
        if (c.context.custom != nullptr && !custom_loss(c)) return false;
        for (int64_t r = mine.begin; r < mine.end; r += c.kernels.lanes) {
            const int64_t samples = std::min<int64_t>(c.kernels.lanes, mine.end - r);
            if (c.context.custom == nullptr) loss_of_group(c, l, c.plan.activity.y[at(l + 1)] + r * row, r, samples);
            round_delta(l, {r, r + samples}, {0, c.parameters[l].out});
        }
        c.member.wait();
        return true;
    }

    // A tile of W delta^T whose units are dropped: by the kernels of full precision, and rounded then.
    float backward_and_drop(int64_t l, const Range& features, const Range& samples, const float* tile, int64_t tile_row) const {
        const int64_t row = c.plan.activity.row[at(l)], place = samples.begin * row + features.begin, t_row = c.plan.delta_t_row;
        float *const delta = c.plan.delta[at(l - 1)] + place, *const all = c.plan.delta_t[at(l - 1)];
        float* const transposed = factors.delta_t[at(l - 1)] ? all + features.begin * t_row + samples.begin : nullptr;
        const auto slope = c.kernels.backward[c.parameters[l - 1].activation];
        float largest = slope(features.size(), samples.size(), tile, tile_row, c.plan.activity.slope_source(l) + place, row, delta, row,
                              nullptr, t_row);
        largest *= drop_delta(c, l, samples, features, delta, transposed);
        round_delta(l - 1, samples, features);
        return largest;
    }

    void backward() const {
        const int64_t t_row = c.plan.delta_t_row;
        for (int64_t l = c.parameters.layers() - 1; l >= 1; --l) {
            const Layer<float>& layer = c.parameters[l];
            const auto slope = pairs.backward[c.parameters[l - 1].activation];
            const int64_t row = c.plan.activity.row[at(l)];
            const Product<Pair> product{
                pairs_of(layer.out), factors.w_along[at(l)], factors.w_along_row[at(l)], 1, factors.delta_t[at(l)], t_row, 1, nullptr, 0};
            const Share share = share_of(layer.in, 2 * pairs.lanes, c.rows, panel, c.member);
            Pair* const transposed = factors.delta_t[at(l - 1)];
            const bool drops = dropped(l);
            float largest = 0;
            multiply(
                pairs, product, share, scratch,
                [&](const Range& features, const Range& samples, const float* tile, int64_t tile_row) {
                    if (drops) {
                        largest = std::max(largest, backward_and_drop(l, features, samples, tile, tile_row));
                        return;
                    }
                    const int64_t place = samples.begin / 2 * row + features.begin;
                    largest =
                        std::max(largest, slope({features.size(), samples.size(), tile, tile_row, factors.slope_source(l) + place, row,
                                                 factors.delta_down[at(l - 1)] + place, row,
                                                 transposed ? transposed + features.begin / 2 * t_row + samples.begin : nullptr, t_row}));
                },
                [this] { return c.leaves(); });
            c.peaks.delta[at(l - 1)] = std::max(c.peaks.delta[at(l - 1)], largest);
            c.member.wait();
        }
    }
};

}  // namespace

void round_weights(const Layer<float>& layer, const MixedFactors& factors, int64_t l, const Range& rows, const Range& columns) {
    const int64_t along_row = factors.w_along_row[at(l)];
    Pair* const along = factors.w_along[at(l)];  // the lowest layer has none: it passes nothing down
    factors.kernels->round({rows.size(), columns.size(), layer.weight + rows.begin * layer.weight_row + columns.begin, layer.weight_row,
                            along ? along + rows.begin * along_row + columns.begin / 2 : nullptr, along_row,
                            factors.w_down[at(l)] + rows.begin / 2 * layer.weight_row + columns.begin, layer.weight_row});
}

void pass_mixed(const Chunk<float>& chunk) {
    const Mixed pass{chunk};
    pass.gather();
    pass.forward();
    if (pass.loss()) pass.backward();
}

void weight_gradients_mixed(const Chunk<float>& c, bool fused, int64_t batch) {
    const Mixed pass{c};
    float largest = 0;
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<float>& layer = c.parameters[l];
        const int64_t delta_row = c.plan.activity.row[at(l + 1)];
        const Pair* const delta = pass.factors.delta_down[at(l)];
        Product<Pair> product{
            pairs_of(c.rows), pass.factors.y_down[at(l)], 1, c.plan.activity.row[at(l)], delta, delta_row, 1, c.plan.gradient[at(l)],
            layer.weight_row};
        product.accumulate = c.continues;
        const Share share = share_of(layer.in, 2, layer.out, pass.panel, c.member);
        multiply(
            pass.pairs, product, share, pass.scratch,
            [&](const Range& rows, const Range& columns, const float* tile, int64_t tile_row) {
                if (fused)
                    largest =
                        std::max(largest, update_weights(c.context, l, batch, rows, columns, tile, tile_row, share.rows.end - rows.end));
            },
            [&] { return !fused && c.leaves(); });

        if (share.empty() || share.rows.begin != 0) continue;
        float* const sums = c.plan.bias_gradient[at(l)] + share.columns.begin;
        if (!c.continues) std::fill(sums, sums + share.columns.size(), 0.0f);
        pass.pairs.column_sums(c.rows, share.columns.size(), delta + share.columns.begin, delta_row, sums);
        if (fused) largest = std::max(largest, update_bias(c.context, l, batch, share.columns));
    }
    if (fused) c.peaks.parameters = largest;
}

}  // namespace fastmlp
