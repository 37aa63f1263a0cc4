// Fills the kernel table of one instruction set. CMakeLists.txt compiles this file once per row of its ISA list, with
// FASTMLP_ISA naming the row; the one symbol that leaves the object is fastmlp_kernels_<row>.
#include "kernels/elementwise.h"
#include "kernels/few_rows.h"
#include "kernels/microkernel.h"
#include "kernels/rows.h"
#include "kernels/update.h"

namespace fastmlp {
namespace FASTMLP_ISA {
namespace {

template <class T, Walk walk>
void enter_tiles(KernelTable<T>& to) {
    auto& entries = to.tile[static_cast<int>(walk)];
    Tiles<T, walk, 1>::enter(entries[0]);
    Tiles<T, walk, 2>::enter(entries[1]);
}

template <class T, class Activation>
void enter_activation(KernelTable<T>& to, int id) {
    if constexpr (!Activation::rowwise) {
        to.bias_activation[id] = bias_activation<Activation, T>;
        to.backward[id] = backward<Activation, T>;
    }
}

template <class T, class... Rows>
void enter_activations(KernelTable<T>& to, Catalog<Rows...>) {
    int id = 0;
    (enter_activation<T, Rows>(to, id++), ...);
}

template <class T, class Loss, class... Outputs>
void enter_loss(KernelTable<T>& to, int id, Catalog<Outputs...>) {
    int output = 0;
    ((to.loss[id][output++] = loss_kernel<Loss, Outputs, T>()), ...);
}

template <class T, class... Rows>
void enter_losses(KernelTable<T>& to, Catalog<Rows...>) {
    int id = 0;
    (enter_loss<T, Rows>(to, id++, Activations()), ...);
}

template <class T>
KernelTable<T> make_table() {
    KernelTable<T> to = {};
    to.lanes = lanes<T>;
    to.tile_rows = tile_rows<T>;
    to.tile_vectors = largest_tile_vectors;
    enter_tiles<T, Walk::along_rows>(to);
    enter_tiles<T, Walk::along_columns>(to);
    enter_activations<T>(to, Activations());
    enter_losses<T>(to, Losses());
    to.pack = pack<T>;
    to.softmax = softmax<T>;
    to.find_nonzero = find_nonzero<T>;
    to.few_rows_product = few_rows_product<T>;
    to.softmax_row = softmax_row<T>;
    to.column_sums = column_sums<T>;
    to.update = update_sgd<T>;
    to.gather[static_cast<int>(SourceType::uint8)] = gather<uint8_t, T>;
    to.gather[static_cast<int>(SourceType::float32)] = gather<float, T>;
    to.gather[static_cast<int>(SourceType::float64)] = gather<double, T>;
    to.map[static_cast<int>(Function::exp)] = map<Function::exp, T>;
    to.map[static_cast<int>(Function::log)] = map<Function::log, T>;
    to.map[static_cast<int>(Function::log1p)] = map<Function::log1p, T>;
    to.map[static_cast<int>(Function::sigmoid)] = map<Function::sigmoid, T>;
    to.map[static_cast<int>(Function::tanh)] = map<Function::tanh, T>;
    return to;
}

}  // namespace
}  // namespace FASTMLP_ISA
}  // namespace fastmlp

#define FASTMLP_JOIN(a, b) a##b
#define FASTMLP_ENTRY(isa) FASTMLP_JOIN(fastmlp_kernels_, isa)
#define FASTMLP_QUOTE(name) #name
#define FASTMLP_TEXT(name) FASTMLP_QUOTE(name)

// Runs only after dispatch has found that this CPU has the instructions.
extern "C" fastmlp::Kernels FASTMLP_ENTRY(FASTMLP_ISA)() {
#if (defined(__AVX2__) && defined(__FMA__)) || defined(__aarch64__)
    constexpr bool fused = true;
#else
    constexpr bool fused = false;
#endif
    return {FASTMLP_TEXT(FASTMLP_ISA), fused, fastmlp::FASTMLP_ISA::make_table<float>(), fastmlp::FASTMLP_ISA::make_table<double>()};
}
