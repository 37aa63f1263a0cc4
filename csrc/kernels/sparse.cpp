// Fills the table of sparse kernels of one instruction set, as kernels.cpp does with the table of all others.
#include "kernels/sparse.h"

namespace fastmlp {
namespace FASTMLP_ISA {
namespace {

template <class T>
SparseTable<T> make_sparse_table() {
    SparseTable<T> to = {};
    to.lanes = lanes<T>;
    to.product[0] = sparse_product<T, 1>;
    to.product[1] = sparse_product<T, 2>;
    to.product[2] = sparse_product<T, 3>;
    to.product[3] = sparse_product<T, 4>;
    to.few_product = sparse_few_product<T>;
    enter_list_product<T>(to);
    to.to_columns = to_columns<T>;
    to.to_rows = to_rows<T>;
    to.apply_mask = apply_mask<T>;
    return to;
}

}  // namespace
}  // namespace FASTMLP_ISA
}  // namespace fastmlp

#define FASTMLP_JOIN(a, b) a##b
#define FASTMLP_ENTRY(isa) FASTMLP_JOIN(fastmlp_sparse_, isa)

// Runs only after dispatch has found that this CPU has the instructions.
extern "C" fastmlp::SparseKernels FASTMLP_ENTRY(FASTMLP_ISA)() {
    return {fastmlp::FASTMLP_ISA::make_sparse_table<float>(), fastmlp::FASTMLP_ISA::make_sparse_table<double>()};
}
