// The optimizer over a tile of parameters, straight from the tile of their gradient, in memory or in registers.
#pragma once

#include "kernels/elementwise.h"
#include "kernels/microkernel.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <int states, class T>
FASTMLP_INLINE void fetch(const UpdateArguments<T>& of, int64_t place) {
    __builtin_prefetch(of.weight + place);
    FASTMLP_UNROLL
    for (int s = 0; s < states; ++s) __builtin_prefetch(of.state[s] + place);
}

// What all vectors of a call share, in registers.
template <class Optimizer, int form, bool clips, class T>
struct Update {
    static constexpr int states = Optimizer::states(form);
    static_assert(states <= largest_states && Optimizer::scalars <= largest_scalars && Optimizer::forms <= largest_forms,
                  "math/optimizers.h says how many there may be");
    const UpdateArguments<T> of;  // a copy that no store can reach
    Vec<T> share, limit, scalar[Optimizer::scalars];
    Peak<T> peak;

    FASTMLP_INLINE explicit Update(const UpdateArguments<T>& arguments)
        : of(arguments), share(broadcast<T>(of.share)), limit(broadcast<T>(of.limit)) {
        FASTMLP_UNROLL
        for (int i = 0; i < Optimizer::scalars; ++i) scalar[i] = broadcast<T>(of.scalar[i]);
    }
    FASTMLP_INLINE void apply(int64_t place, Vec<T> gradient) {
        Vec<T> state[states > 0 ? states : 1];
        FASTMLP_UNROLL
        for (int s = 0; s < states; ++s) state[s] = load(of.state[s] + place);
        Vec<T> g = fma(gradient, share, Vec<T>{});  // + 0: no zero keeps a sign
        if constexpr (clips) g = at_least(at_most(g, limit), -limit);
        const Vec<T> w = Optimizer::template stepped<Approx<T>, form>(load(of.weight + place), g, state, scalar);
        FASTMLP_UNROLL
        for (int s = 0; s < states; ++s) {
            store(of.state[s] + place, state[s]);
            if (s < Optimizer::seen_states(form)) peak.see(state[s]);
        }
        store(of.weight + place, w);
        peak.see(w);
    }
};

template <class Optimizer, int form, bool clips, class T>
T update(const UpdateArguments<T>& arguments) {
    constexpr int states = Optimizer::states(form);
    Update<Optimizer, form, clips, T> now(arguments);
    const int64_t ahead = now.of.below < now.of.rows ? now.of.below : now.of.rows, down = now.of.rows * now.of.weight_row;
    for (int64_t i = 0; i < now.of.rows; ++i) {
        for (int64_t j = 0; j < now.of.columns; j += lanes<T>) {
            const int64_t place = i * now.of.weight_row + j;
            if (i < ahead) fetch<states>(arguments, place + down);  // the tile below comes soon: it arrives meanwhile
            now.apply(place, load(now.of.gradient + i * now.of.gradient_row + j));
        }
    }
    return now.peak.value();
}

// The same on the gradient while it is still in registers: the tile of a product walked along columns. W arrives meanwhile.
template <class Optimizer, class T, int rows, int vectors>
T update_tile(const TileArguments<T>& tile, const UpdateArguments<T>& arguments) {
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) {
            if (j * vector_bytes % line_bytes == 0) fetch<0>(arguments, i * arguments.weight_row + j * lanes<T>);
        }
    }
    Vec<T> c[rows][vectors] = {};
    add_product<T, Walk::along_columns>(tile, c);
    Update<Optimizer, 0, false, T> now(arguments);
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
        FASTMLP_UNROLL
        for (int j = 0; j < vectors; ++j) now.apply(i * now.of.weight_row + j * lanes<T>, c[i][j]);
    }
    return now.peak.value();
}

template <class Optimizer, class T, int vectors, int rows = tile_rows<T>>
struct UpdateTiles {
    static FASTMLP_INLINE void enter(UpdateTile<T>* entries) {
        entries[rows - 1] = update_tile<Optimizer, T, rows, vectors>;
        UpdateTiles<Optimizer, T, vectors, rows - 1>::enter(entries);
    }
};
template <class Optimizer, class T, int vectors>
struct UpdateTiles<Optimizer, T, vectors, 0> {
    static FASTMLP_INLINE void enter(UpdateTile<T>*) {}
};

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
