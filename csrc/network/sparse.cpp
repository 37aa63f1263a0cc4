#include "network/sparse.h"

#include <algorithm>
#include <cmath>

#include "gemm/multiply.h"
#include "network/fast_ways.h"
#include "network/spec.h"
#include "network/workspace.h"
#include "runtime/dispatch.h"

namespace fastmlp {
namespace {

// What an entry costs, in weights of the dense way; measured on 1024-1024 (python -m bench sparse).
constexpr double cost_of_many = 1.8;     // rows
constexpr double cost_of_columns = 1.3;  // a dense weight, where samples stand in the lanes for the sake of other layers
constexpr double cost_of_few = 8;
constexpr double cost_of_few_in_blocks = 1.5;
constexpr double cost_of_one = 2.2;  // a row by itself, where its elements are looked up in registers

template <class T>
double weights_of(const Layer<T>& layer) {
    return static_cast<double>(layer.in) * static_cast<double>(layer.out);
}

template <class T>
double count_nonzero(const Layer<T>& layer) {
    int64_t count = 0;
    for (int64_t i = 0; i < layer.in; ++i)
        for (int64_t j = 0; j < layer.out; ++j) count += layer.weight[i * layer.weight_row + j] != 0;
    return static_cast<double>(count);
}

template <class T>
void dense_columns(const KernelTable<T>& kernels, const Layer<T>& layer, int64_t row, const T* x, T* y, const TileScratch<T>& scratch) {
    const Product<T> product{layer.in, layer.weight, 1, layer.weight_row, x, row, 1, y, row};
    multiply(
        kernels, product, {{0, layer.out}, {0, row}}, scratch, [](const Range&, const Range&, const T*, int64_t) {}, [] { return false; });
}

// A group of samples, which stand in panel 0, through all layers. Returns the panel of the outputs. Zero times what is not finite is
// no zero: past such numbers W is read whole.
template <class T>
int forward_group(const KernelTable<T>& kernels, const Parameters<T>& parameters, int64_t samples, int vectors, bool apply_output_unit,
                  BlockWorkspace<T>& own) {
    const SparseTable<T>& sparse_kernels = table<T>(fastmlp::sparse_kernels());
    const int64_t row = static_cast<int64_t>(vectors) * kernels.lanes, layers = parameters.layers();
    int from = 0;
    T largest = 0;
    for (int64_t l = 0; l < layers; ++l, from = 1 - from) {
        const Layer<T>& layer = parameters[l];
        const T* const x = own.panels.panel[from];
        T* const y = own.panels.panel[1 - from];
        const auto& sparse = parameters.sparse->of[static_cast<std::size_t>(l)];
        if (sparse && std::isfinite(largest))
            sparse->multiply(sparse_kernels, vectors, x, y);
        else
            dense_columns(kernels, layer, row, x, y, own.scratch.tile);
        const bool plain = l + 1 == layers && (!apply_output_unit || is_rowwise(layer.activation));
        const int activation = plain ? IdOf<Identity, Activations>::value : layer.activation;
        largest =
            kernels.bias_activation_columns[activation]({layer.out, samples, y, row, layer.bias, layer.constants_from(0), nullptr, 0});
    }
    return from;
}

}  // namespace

template <class T>
std::unique_ptr<const SparseLayers<T>> SparseLayers<T>::of_network(const Parameters<T>& parameters) {
    if (!allowed().sparse || parameters.is_structured()) return nullptr;
    auto found = std::make_unique<SparseLayers>();
    double dense = 0, many = 0;
    bool any = false;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        const Layer<T>& layer = parameters[l];
        const double weights = weights_of(layer), entries = count_nonzero(layer);
        const bool pays = cost_of_many * entries < weights;
        found->of.push_back(pays ? std::make_unique<const SparseMatrix<T>>(layer.in, layer.out, layer.weight, layer.weight_row) : nullptr);
        found->widest = std::max({found->widest, layer.in, layer.out});
        dense += weights;
        many += pays ? cost_of_many * entries : cost_of_columns * weights;
        any = any || pays;
    }
    found->many = many < dense;
    if (any) return found;
    return nullptr;
}

template <class T>
void forward_sparse(const KernelTable<T>& kernels, const Parameters<T>& parameters, int64_t rows, bool apply_output_unit,
                    BlockWorkspace<T>& own) {
    const SparseTable<T>& sparse_kernels = table<T>(fastmlp::sparse_kernels());
    const int64_t in_row = own.activity.row.front(), out_row = own.activity.row.back(), outputs = parameters[parameters.layers() - 1].out;
    const int64_t group = static_cast<int64_t>(largest_sparse_vectors) * kernels.lanes;
    for (int64_t r = 0; r < rows; r += group) {
        const int64_t samples = std::min(group, rows - r);
        const int vectors = static_cast<int>((samples + kernels.lanes - 1) / kernels.lanes);
        const int64_t row = static_cast<int64_t>(vectors) * kernels.lanes;
        sparse_kernels.to_columns(samples, parameters[0].in, own.activity.y.front() + r * in_row, in_row, own.panels.panel[0], row);
        const int last = forward_group(kernels, parameters, samples, vectors, apply_output_unit, own);
        sparse_kernels.to_rows(samples, outputs, own.panels.panel[last], row, own.activity.y.back() + r * out_row, out_row);
    }
}

template <class T>
bool few_rows_sparse(const Parameters<T>& parameters, int64_t l, const FewRows<T>& x, SparsePanels<T>& panels, T* y, int64_t y_row) {
    const auto& sparse = parameters.sparse->of[static_cast<std::size_t>(l)];
    if (!sparse) return false;
    const Layer<T>& layer = parameters[l];
    const double dense = static_cast<double>(x.count) * static_cast<double>(layer.out);  // rows of W where x is zero are not read
    const SparseTable<T>& kernels = table<T>(fastmlp::sparse_kernels());
    const double one_by_one = kernels.list_product ? cost_of_one * static_cast<double>(x.rows) : cost_of_few;
    const double cost = sparse->by_blocks() ? cost_of_few_in_blocks : one_by_one;
    if (cost * static_cast<double>(sparse->entries()) > dense) return false;
    if (sparse->by_blocks()) {
        sparse->multiply_few(kernels, x.rows, x.x, x.x_row, y, y_row);
        return true;
    }
    if (kernels.list_product) {
        for (int64_t i = 0; i < x.rows; ++i) sparse->multiply_one(kernels, x.x + i * x.x_row, y + i * y_row);
        return true;
    }
    for (int64_t i = 0; i < x.rows; ++i)  // the caller's own rows may end at the last element: no whole vectors
        for (int64_t k = 0; k < layer.in; ++k) panels.panel[0][k * kernels.lanes + i] = x.x[i * x.x_row + k];
    sparse->multiply(kernels, 1, panels.panel[0], panels.panel[1]);
    kernels.to_rows(x.rows, layer.out, panels.panel[1], kernels.lanes, y, y_row);
    return true;
}

#define FASTMLP_SPARSE(T)                                                                                         \
    template struct SparseLayers<T>;                                                                              \
    template void forward_sparse(const KernelTable<T>&, const Parameters<T>&, int64_t, bool, BlockWorkspace<T>&); \
    template bool few_rows_sparse(const Parameters<T>&, int64_t, const FewRows<T>&, SparsePanels<T>&, T*, int64_t);
FASTMLP_SPARSE(float)
FASTMLP_SPARSE(double)

}  // namespace fastmlp
