// The end of a product on the way back: what it makes of dL/dy[l], transposed, becomes dL/dz of the layer below.
#pragma once

#include "network/chunk.h"
#include "network/dropout.h"
#include "network/extras.h"

namespace fastmlp {

template <class T>
struct TimesSlope {
    const Chunk<T>& c;
    int64_t l;
    T* delta;    // (samples x features), ld = that of y[l]
    T* delta_t;  // its transpose, ld = delta_t_row; null: no layer below needs it

    const int below = c.parameters[l - 1].activation;
    const int64_t row = c.plan.activity.row[at(l)];
    const bool drops = c.plan.dropout && c.plan.dropout.of[at(l)];
    const bool learns = c.plan.activity.by_constant[at(l)] != nullptr;
    const T* const kept = c.plan.activity.slope_source(l);
    const T* const slopes = drops && kept == c.plan.activity.y[at(l)] ? c.plan.dropout.of[at(l)].whole : kept;

    // A rectangle of (features x samples). Returns the largest magnitude.
    T operator()(const Range& features, const Range& samples, const T* tile, int64_t tile_row) const {
        const int64_t place = samples.begin * row + features.begin;
        T* const transposed = delta_t ? delta_t + features.begin * c.plan.delta_t_row + samples.begin : nullptr;
        if (learns) c.see_extra(l - 1, multiply_by_constant(c, l, features, samples, tile, tile_row));
        T largest = c.kernels.backward[below](features.size(), samples.size(), tile, tile_row, slopes + place, row, delta + place, row,
                                              drops ? nullptr : transposed, c.plan.delta_t_row);
        if (drops) largest *= drop_delta(c, l, samples, features, delta + place, transposed);
        return largest;
    }
};

}  // namespace fastmlp
