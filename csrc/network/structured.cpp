// The way back through structured layers. With u as in structured.h and d = dL/du after all that is added to it:
//
//   dL/dy[l] = delta[l] W[l]^T + d[to] P^T + d[to] + ...    for each skip from y[l], in ascending order
//   d[l-1]   = dL/dy[l] * f'(u), or to the piece that was the largest
//   delta[l-1] = dL/d(product) from d[l-1], through mean and variance where the layer is normalised
//   gradients of scale, shift and P: sums of d * normalised, of d, and y[from]^T d
#include "network/structured_back.h"

#include <cmath>

#include "network/backward.h"
#include "network/structured.h"

namespace fastmlp {
namespace {

template <class T>
const T* d_of(const Chunk<T>& c, int64_t l) {
    const T* const own = c.plan.structured.of[at(l)].d;
    return own ? own : c.plan.delta[at(l)];
}

template <class T>
const T* d_t_of(const Chunk<T>& c, int64_t l) {
    const T* const own = c.plan.structured.of[at(l)].d_t;
    return own ? own : c.plan.delta_t[at(l)];
}

// The member's share of dL/dy[l], transposed: every term is a product that goes on in the sums of the one before.
template <class T>
void sum_d_y(const Chunk<T>& c, int64_t l, const Share& share) {
    const int64_t row = c.plan.delta_t_row;
    T* const d_y_t = c.plan.structured.d_y_t;
    const auto add_product = [&](int64_t out, const T* weight, int64_t weight_row, const T* d_t, bool first) {
        Product<T> product{out, weight, weight_row, 1, d_t, row, 1, d_y_t, row};
        product.accumulate = !first;
        multiply(c.kernels, product, share, c.scratch.tile, [](const Range&, const Range&, T*, int64_t) {}, [&c] { return c.leaves(); });
    };
    const Layer<T>& above = c.parameters[l];
    add_product(above.out, above.weight, above.weight_row, c.plan.delta_t[at(l)], true);
    if (share.empty()) return;
    const int64_t place = share.rows.begin * row + share.columns.begin;
    for (int64_t to = l + 1; to < c.parameters.layers(); ++to) {
        for (const SkipInto<T>& skip : c.parameters[to].structure.skips) {
            if (skip.from != l) continue;
            if (skip.projection)
                add_product(c.parameters[to].out, skip.projection, skip.projection_row, d_t_of(c, to), false);
            else
                c.kernels.structured.add(share.rows.size(), share.columns.size(), d_t_of(c, to) + place, row, d_y_t + place, row);
        }
    }
}

// The member's samples of d, which holds dL/dy, given to the pieces that were the largest; and their transpose.
template <class T>
void give_to_pieces(const Chunk<T>& c, int64_t l, T* d, T* d_t) {
    const Layer<T>& layer = c.parameters[l];
    const Range mine = c.my_samples();
    if (mine.size() <= 0) return;
    const int64_t row = c.plan.activity.row[at(l + 1)], pieces = layer.structure.pieces;
    c.kernels.structured.maxout_back(
        {mine.size(), layer.out / pieces, pieces, d + mine.begin * row, row, c.plan.structured.of[at(l)].chosen + mine.begin * row});
    if (d_t) c.kernels.structured.transpose(mine.size(), layer.out, d + mine.begin * row, row, d_t + mine.begin, c.plan.delta_t_row);
}

// Gradients of scale and shift, for some columns.
template <class T>
void sum_scale_gradients(const Chunk<T>& c, int64_t l, const Range& columns) {
    if (columns.size() <= 0) return;
    const LayerStructure<T>& is = c.parameters[l].structure;
    const StructuredLayer<T>& own = c.plan.structured.of[at(l)];
    const int64_t row = c.plan.activity.row[at(l + 1)];
    T* const scale = c.plan.extra_gradient[at(l)][at(is.scale_number)] + columns.begin;
    if (!c.continues) std::fill(scale, scale + columns.size(), T(0));
    c.kernels.structured.product_sums(c.rows, columns.size(), own.d + columns.begin, own.normalized + columns.begin, row, scale);
    if (!is.shift) return;
    T* const shift = c.plan.extra_gradient[at(l)][at(is.shift_number)] + columns.begin;
    if (!c.continues) std::fill(shift, shift + columns.size(), T(0));
    c.kernels.column_sums(c.rows, columns.size(), own.d + columns.begin, row, shift);
}

// delta[l] from d[l], through the normalisation. Each member takes columns where a batch is what counts, else samples.
template <class T>
T back_through_normalization(const Chunk<T>& c, int64_t l) {
    const Layer<T>& layer = c.parameters[l];
    const LayerStructure<T>& is = layer.structure;
    const StructuredLayer<T>& own = c.plan.structured.of[at(l)];
    const int64_t row = c.plan.activity.row[at(l + 1)];
    const Range columns = part_of(layer.out, c.panel(), c.member.index, c.member.count);
    sum_scale_gradients(c, l, columns);
    const bool over_units = is.normalization().over == Over::units;
    const Share mine = over_units ? Share{c.my_samples(), {0, layer.out}} : Share{{0, c.rows}, columns};
    if (mine.empty()) return 0;
    const int64_t r = mine.rows.begin, j = mine.columns.begin, place = r * row + j;
    NormalizeBackArguments<T> of{};
    of.rows = mine.rows.size();
    of.columns = mine.columns.size();
    of.d = own.d + place;
    of.normalized = own.normalized + place;
    of.d_z = c.plan.delta[at(l)] + place;
    of.row = row;
    of.scale = is.scale + j;
    of.centres = is.normalization().centres;
    T largest;
    if (over_units) {
        of.inverse = own.inverse + r;
        largest = c.kernels.structured.normalize_rows_back(of);
    } else {
        of.inverse = own.inverse + j;
        of.d_scale = c.plan.extra_gradient[at(l)][at(is.scale_number)] + j;
        of.d_shift = c.plan.extra_gradient[at(l)][at(is.shift_number)] + j;
        largest = c.kernels.structured.normalize_columns_back(of);
    }
    if (c.plan.delta_t[at(l)])
        c.kernels.structured.transpose(of.rows, of.columns, of.d_z, row, c.plan.delta_t[at(l)] + j * c.plan.delta_t_row + r,
                                       c.plan.delta_t_row);
    return largest;
}

template <class T>
bool has_skip_from(const Chunk<T>& c, int64_t l) {
    for (int64_t to = l + 1; to < c.parameters.layers(); ++to)
        for (const SkipInto<T>& skip : c.parameters[to].structure.skips)
            if (skip.from == l) return true;
    return false;
}

}  // namespace

template <class T>
bool comes_back_structured(const Chunk<T>& c, int64_t l) {
    const LayerStructure<T>& below = c.parameters[l - 1].structure;
    return below.pieces > 1 || below.normalizes() || has_skip_from(c, l);
}

template <class T>
void backward_structured(const Chunk<T>& c, int64_t l) {
    const LayerStructure<T>& below = c.parameters[l - 1].structure;
    const StructuredLayer<T>& own = c.plan.structured.of[at(l - 1)];
    const bool normalized = own.d != nullptr;
    T* const d = normalized ? own.d : c.plan.delta[at(l - 1)];
    T* const d_t = normalized ? own.d_t : c.plan.delta_t[at(l - 1)];
    const Share share = share_of(c.parameters[l].in, line_bytes / static_cast<int64_t>(sizeof(T)), c.rows, c.panel(), c.member);
    sum_d_y(c, l, share);
    T largest = 0;
    const TimesSlope<T> times_slope{c, l, d, below.pieces > 1 ? nullptr : d_t};
    const int64_t row = c.plan.delta_t_row;
    if (!share.empty())
        largest = times_slope(share.rows, share.columns, c.plan.structured.d_y_t + share.rows.begin * row + share.columns.begin, row);
    if (below.pieces > 1) {
        c.member.wait();
        give_to_pieces(c, l - 1, d, d_t);
    }
    if (normalized) {
        // No number of n that are normalised is larger than the root of n.
        c.see_extra(l - 1, largest * std::sqrt(static_cast<T>(std::max(c.rows, c.parameters[l - 1].out))));
        c.member.wait();
        largest = std::max(largest, back_through_normalization(c, l - 1));
    }
    c.peaks.delta[at(l - 1)] = std::max(c.peaks.delta[at(l - 1)], largest);
}

template <class T>
void projection_gradients(const Chunk<T>& c) {
    for (int64_t l = 0; l < c.parameters.layers(); ++l) {
        const Layer<T>& layer = c.parameters[l];
        for (const SkipInto<T>& skip : layer.structure.skips) {
            if (!skip.projection) continue;
            Product<T> product{c.rows,
                               c.plan.activity.y[at(skip.from)],
                               1,
                               c.plan.activity.row[at(skip.from)],
                               d_of(c, l),
                               c.plan.activity.row[at(l + 1)],
                               1,
                               c.plan.extra_gradient[at(l)][at(skip.number)],
                               skip.projection_row};
            product.accumulate = c.continues;
            const Share share = share_of(skip.width, 1, layer.out, c.panel(), c.member);
            multiply(
                c.kernels, product, share, c.scratch.tile, [](const Range&, const Range&, T*, int64_t) {}, [&c] { return c.leaves(); });
        }
    }
}

// As PyTorch's: the variance for prediction is that of the population that the batch is drawn from. Of one sample there is none.
template <class T>
void remember_batch(const StepContext<T>& context, int64_t batch) {
    if (batch < 2) return;
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        const Layer<T>& layer = context.parameters[l];
        const StructuredLayer<T>& own = context.plan.structured.of[at(l)];
        if (!own.mean) continue;
        const LayerStructure<T>& is = layer.structure;
        const T unbiased = static_cast<T>(batch) / static_cast<T>(batch - 1);
        for (int64_t j = 0; j < layer.out; ++j) {
            is.running_mean[j] += is.momentum * (own.mean[j] - is.running_mean[j]);
            is.running_variance[j] += is.momentum * (unbiased * own.variance[j] - is.running_variance[j]);
        }
    }
}

#define FASTMLP_STRUCTURED(T)                                      \
    template bool comes_back_structured(const Chunk<T>&, int64_t); \
    template void backward_structured(const Chunk<T>&, int64_t);   \
    template void projection_gradients(const Chunk<T>&);           \
    template void remember_batch(const StepContext<T>&, int64_t);
FASTMLP_STRUCTURED(float)
FASTMLP_STRUCTURED(double)

}  // namespace fastmlp
