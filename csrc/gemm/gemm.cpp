#include "gemm/gemm.h"

#include <vector>

#include "gemm/multiply.h"
#include "runtime/arena.h"

namespace fastmlp {

template <class T>
void gemm(const TileTable<T>& kernels, int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b,
          int64_t b_row, int64_t b_column, Sum<T>* c, int64_t c_row, int threads) {
    if (k == 1) a_column = 1;         // one column: any stride of the rows is then a walk along them
    constexpr int64_t panel_k = 256;  // 256 x 32 floats: a panel fills the first-level cache
    const int64_t padded = (n + TileScratch<T>::tile_row - 1) / TileScratch<T>::tile_row * TileScratch<T>::tile_row;

    // Partial sums continue in `whole`, whose rows are whole vectors; C is written once, exactly.
    Sum<T>* whole = nullptr;
    std::vector<TileScratch<T>> scratch(static_cast<std::size_t>(threads));
    const Arena arena = place([&](Arena& in) {
        whole = in.take<Sum<T>>(checked_product(m, padded));
        for (TileScratch<T>& member : scratch) {
            member.panel_k = panel_k;
            member.always_packs = true;
            member.panel = in.take<T>(panel_k * TileScratch<T>::tile_row);
        }
    });
    run_team(threads, [&](const Member& member) {
        const Product<T> product{k, a, a_row, a_column, b, b_row, b_column, whole, padded};
        const Share share = share_of(m, row_quantum<T>, n, TileScratch<T>::tile_row, member);
        multiply(
            kernels, product, share, scratch[static_cast<std::size_t>(member.index)],
            [&](const Range& rows, const Range& columns, const Sum<T>* tile, int64_t tile_row) {
                for (int64_t i = 0; i < rows.size(); ++i)
                    for (int64_t j = 0; j < columns.size(); ++j) c[(rows.begin + i) * c_row + columns.begin + j] = tile[i * tile_row + j];
            },
            [] { return false; });
    });
}

#define FASTMLP_GEMM(T)                                                                                                                 \
    template void gemm(const TileTable<T>&, int64_t, int64_t, int64_t, const T*, int64_t, int64_t, const T*, int64_t, int64_t, Sum<T>*, \
                       int64_t, int);
FASTMLP_GEMM(float)
FASTMLP_GEMM(double)
FASTMLP_GEMM(Pair)

}  // namespace fastmlp
