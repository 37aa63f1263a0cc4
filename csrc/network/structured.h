// Layers with something between their product and their activation, or beside it (LECTURES F3, F4): step.cpp's forward is then
//
//   u = y[l] W + b
//   u = scale (u - mean) / sqrt(variance + epsilon) + shift    where the layer is normalised
//   u = u + y[from], or u + y[from] P                          for each skip into it
//   y[l+1] = f(u), or the largest of the pieces of each unit
//
// in training and in prediction, where batch normalisation takes the mean and the variance that training has seen.
#pragma once

#include "network/forward.h"
#include "network/structured_activity.h"

namespace fastmlp {

template <class T>
struct StructuredForward {
    const KernelTable<T>& kernels;
    const Layer<T>& layer;
    int64_t l, rows;
    const Activity<T>& activity;
    const StructuredActivity<T>& structured;
    const TileScratch<T>& tile;
    const Member& member;

    const LayerStructure<T>& is = layer.structure;
    const StructuredLayer<T>& own = structured.of[static_cast<std::size_t>(l)];
    const int64_t row = activity.row[static_cast<std::size_t>(l + 1)];
    T* const u = activity.y[static_cast<std::size_t>(l + 1)];  // and in the end y

    Share own_rows() const { return {part_of(rows, kernels.lanes, member.index, member.count), {0, layer.out}}; }
    Share own_columns() const { return {{0, rows}, part_of(layer.out, panel(), member.index, member.count)}; }
    int64_t panel() const { return static_cast<int64_t>(kernels.tile_vectors) * kernels.lanes; }

    // u = scale (u - mean) / sqrt(variance + epsilon). Returns the largest variance.
    T normalize(const Share& share) const {
        if (share.empty()) return 0;
        const int64_t r = share.rows.begin, j = share.columns.begin, place = r * row + j;
        NormalizeArguments<T> of{};
        of.rows = share.rows.size();
        of.columns = share.columns.size();
        of.z = u + place;
        of.row = row;
        of.normalized = own.normalized ? own.normalized + place : nullptr;
        of.scale = is.scale + j;
        of.epsilon = is.epsilon;
        of.centres = is.normalization().centres;
        if (is.normalization().over == Over::units) {
            of.inverse = own.inverse ? own.inverse + r : nullptr;
            return kernels.structured.normalize_rows(of);
        }
        const T largest = own.mean ? kernels.structured.column_moments(of.rows, of.columns, of.z, row, own.mean + j, own.variance + j) : 0;
        of.mean = (own.mean ? own.mean : is.running_mean) + j;
        of.variance = (own.mean ? own.variance : is.running_variance) + j;
        of.inverse = own.inverse + j;
        kernels.structured.normalize_columns(of);
        return largest;
    }

    void add_skips(const Share& share) const {
        if (share.empty()) return;
        for (const SkipInto<T>& skip : is.skips) {
            const auto from = static_cast<std::size_t>(skip.from);
            Product<T> product{skip.width, activity.y[from], activity.row[from], 1, skip.projection, skip.projection_row, 1, u, row};
            product.accumulate = true;
            if (skip.projection)
                multiply(kernels, product, share, tile, [](const Range&, const Range&, T*, int64_t) {}, [] { return false; });
            else
                kernels.structured.add(share.rows.size(), share.columns.size(),
                                       activity.y[from] + share.rows.begin * activity.row[from] + share.columns.begin, activity.row[from],
                                       u + share.rows.begin * row + share.columns.begin, row);
        }
    }

    T activate(const Share& share, int activation) const {
        if (share.empty()) return 0;
        const int64_t place = share.rows.begin * row + share.columns.begin;
        const T* const shift = is.shift ? is.shift : structured.zeros;
        T *const slope = activity.slope[static_cast<std::size_t>(l + 1)], *const by_constant =
                                                                              activity.by_constant[static_cast<std::size_t>(l + 1)];
        return kernels.bias_activation[activation]({share.rows.size(), share.columns.size(), u + place, row, shift + share.columns.begin,
                                                    layer.constants_from(share.columns.begin), slope ? slope + place : nullptr, row,
                                                    by_constant ? by_constant + place : nullptr});
    }

    T choose_pieces(const Share& share) const {
        if (share.empty()) return 0;
        const int64_t place = share.rows.begin * row;
        return kernels.structured.maxout(
            {share.rows.size(), layer.out / is.pieces, is.pieces, u + place, row, own.chosen ? own.chosen + place : nullptr});
    }
};

// As forward_layer(); then(samples, units, y, ld) gets all of the member's outputs at once.
template <class T, class Then, class Stop>
T forward_structured(const StructuredForward<T>& pass, int activation, const NonZeros<T>& lists, const Then& then, const Stop& stop) {
    forward_layer(
        pass.kernels, pass.layer, IdOf<Identity, Activations>::value, pass.rows, pass.activity, pass.l, lists, pass.tile, pass.member,
        [](const Range&, const Range&, T*, int64_t) {}, stop);
    Share share = share_of(pass.rows, 1, pass.layer.out, pass.panel(), pass.member);
    T variance = 0;
    if (pass.is.normalizes()) {
        pass.member.wait();
        share = pass.is.normalization().over == Over::units ? pass.own_rows() : pass.own_columns();
        variance = pass.normalize(share);
    }
    pass.add_skips(share);
    T largest = pass.activate(share, activation);
    if (pass.is.pieces > 1) {
        pass.member.wait();
        share = pass.own_rows();
        largest = pass.choose_pieces(share);
        share.columns.end /= pass.is.pieces;
    }
    if (!share.empty()) then(share.rows, share.columns, pass.u + share.rows.begin * pass.row + share.columns.begin, pass.row);
    return variance <= std::numeric_limits<T>::max() ? largest : std::numeric_limits<T>::infinity();
}

}  // namespace fastmlp
