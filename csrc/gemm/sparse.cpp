#include "gemm/sparse.h"

#include <algorithm>
#include <numeric>

namespace fastmlp {
namespace {

std::size_t at(int64_t i) { return static_cast<std::size_t>(i); }
int64_t slices_of(int64_t out) { return (out + sparse_units - 1) / sparse_units; }

}  // namespace

// Units with the same number of entries stay in their order, so that blocks stay together. Those past the last go with the last.
template <class T>
void SparseMatrix<T>::order_units(Block& block, std::vector<int32_t>& entries, int64_t out) {
    for (std::size_t unit = at(out); unit < entries.size(); ++unit) entries[unit] = entries[at(out - 1)];
    block.units.resize(entries.size());
    std::iota(block.units.begin(), block.units.end(), 0);
    std::stable_sort(block.units.begin(), block.units.end(), [&](int32_t a, int32_t b) { return entries[at(a)] > entries[at(b)]; });
    std::size_t total = 0;
    for (std::size_t first = 0; first < block.units.size(); first += sparse_units) {
        block.counts.push_back(entries[at(block.units[first])]);
        total += at(block.counts.back()) * sparse_units;
    }
    block.values.assign(total, T(0));
    block.places.assign(total, 0);
}

template <class T>
void SparseMatrix<T>::fill(Block& block, int64_t rows, int64_t out, const T* w, int64_t w_row) {
    std::vector<std::size_t> next(block.units.size());  // where a unit's next entry goes
    std::size_t begin = 0;
    for (std::size_t i = 0; i < block.units.size(); ++i) {
        next[at(block.units[i])] = begin + i % sparse_units;
        if (i % sparse_units == sparse_units - 1) begin += at(block.counts[i / sparse_units]) * sparse_units;
    }
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t j = 0; j < out; ++j) {
            if (w[k * w_row + j] == 0) continue;
            block.values[next[at(j)]] = w[k * w_row + j];
            block.places[next[at(j)]] = static_cast<uint8_t>(k);
            next[at(j)] += sparse_units;
        }
}

// Zeros that fill a unit up take the rows of the slice's first unit; then it is seen which slices share their rows. Returns whether
// all do, and are blocks.
template <class T>
bool SparseMatrix<T>::close(Block& block, const std::vector<int32_t>& entries, int64_t out) {
    bool by_blocks = true;
    uint8_t* places = block.places.data();
    for (std::size_t s = 0; s < block.counts.size(); ++s, places += sparse_units * block.counts[s - 1]) {
        int32_t* const units = block.units.data() + s * sparse_units;
        bool shared = true;
        for (int i = 0; i < sparse_units; ++i) {
            const int32_t own = units[i] < out ? entries[at(units[i])] : 0;
            for (int32_t p = 0; p < block.counts[s]; ++p) {
                uint8_t& place = places[p * sparse_units + i];
                if (p >= own) place = places[p * sparse_units];
                shared &= place == places[p * sparse_units];
            }
            by_blocks &= units[i] == units[0] + i;
        }
        by_blocks &= shared && units[0] % sparse_units == 0;
        block.shared.push_back(shared);
    }
    for (int32_t& unit : block.units) unit = std::min(unit, static_cast<int32_t>(out));
    return by_blocks;
}

template <class T>
SparseMatrix<T>::SparseMatrix(int64_t in, int64_t out, const T* w, int64_t w_row) : in_(in), out_(out) {
    for (int64_t first = 0; first < in; first += sparse_rows) {
        const int64_t rows = std::min<int64_t>(sparse_rows, in - first);
        const T* const part = w + first * w_row;
        std::vector<int32_t> entries(at(slices_of(out) * sparse_units), 0);
        for (int64_t k = 0; k < rows; ++k)
            for (int64_t j = 0; j < out; ++j) entries[at(j)] += part[k * w_row + j] != 0;
        entries_ = std::accumulate(entries.begin(), entries.end(), entries_);
        Block block;
        order_units(block, entries, out);
        fill(block, rows, out, part, w_row);
        by_blocks_ &= close(block, entries, out);
        blocks_.push_back(std::move(block));
    }
}

template <class T>
SparseArguments<T> SparseMatrix<T>::arguments(std::size_t b, const T* x, T* y) const {
    const Block& block = blocks_[b];
    return {slices_of(out_),
            block.counts.data(),
            block.shared.data(),
            block.units.data(),
            block.values.data(),
            block.places.data(),
            x,
            y,
            b > 0};
}

template <class T>
void SparseMatrix<T>::multiply(const SparseTable<T>& kernels, int vectors, const T* x, T* y) const {
    const int64_t block_size = static_cast<int64_t>(sparse_rows) * vectors * kernels.lanes;
    for (std::size_t b = 0; b < blocks_.size(); ++b)
        kernels.product[vectors - 1](arguments(b, x + static_cast<int64_t>(b) * block_size, y));
}

template <class T>
void SparseMatrix<T>::multiply_one(const SparseTable<T>& kernels, const T* x, T* y) const {
    T rest[sparse_rows] = {};  // the last block of x may be shorter than what is read
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        const int64_t first = static_cast<int64_t>(b) * sparse_rows;
        const bool whole = in_ - first >= sparse_rows;
        if (!whole) std::copy(x + first, x + in_, rest);
        kernels.list_product(arguments(b, whole ? x + first : rest, y));
    }
}

template <class T>
void SparseMatrix<T>::multiply_few(const SparseTable<T>& kernels, int64_t samples, const T* x, int64_t x_row, T* y, int64_t y_row) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b)
        kernels.few_product({arguments(b, x + static_cast<int64_t>(b) * sparse_rows, y), samples, x_row, y_row, out_});
}

template class SparseMatrix<float>;
template class SparseMatrix<double>;

}  // namespace fastmlp
