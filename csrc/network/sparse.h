// Prediction through the weights that are not zero (gemm/sparse.h). Which layers have enough zeros is seen whenever the parameters are
// set or trained; the bits are those of the dense way.
#pragma once

#include <memory>
#include <vector>

#include "gemm/sparse.h"
#include "kernels/kernel_table.h"
#include "network/parameters.h"

namespace fastmlp {

template <class T>
struct BlockWorkspace;

// What prediction may read instead of W.
template <class T>
struct SparseLayers {
    std::vector<std::unique_ptr<const SparseMatrix<T>>> of;  // [l]; null: too few zeros
    bool many = false;                                       // pays for the network and many rows; a few rows ask layer by layer
    int64_t widest = 0;                                      // inputs or outputs of a layer

    // Null where no layer has enough zeros.
    static std::unique_ptr<const SparseLayers> of_network(const Parameters<T>& parameters);
};

// The columns of a group of samples: a layer's inputs and its outputs, by turns.
template <class T>
struct SparsePanels {
    T* panel[2] = {nullptr, nullptr};
    void take(Arena& in, int64_t widest, int vectors) {
        for (T*& one : panel) one = in.take<T>(checked_product(checked_sum(widest, 1), static_cast<int64_t>(vectors) * largest_lanes));
    }
};

// All layers of one block whose inputs are gathered; the output unit where it works element by element and the caller wants it.
template <class T>
void forward_sparse(const KernelTable<T>& kernels, const Parameters<T>& parameters, int64_t rows, bool apply_output_unit,
                    BlockWorkspace<T>& own);

// The product of layer l for a few rows of finite numbers, y (rows x out, in whole vectors), where that is faster than reading W; else
// false.
template <class T>
bool few_rows_sparse(const Parameters<T>& parameters, int64_t l, const FewRows<T>& x, SparsePanels<T>& panels, T* y, int64_t y_row);

}  // namespace fastmlp
