// Fills the kernel table of one instruction set. CMakeLists.txt compiles this file once per row of its ISA list, with
// FASTMLP_ISA naming the row; the one symbol that leaves the object is fastmlp_kernels_<row>.
#include "kernels/activate.h"
#include "kernels/augment.h"
#include "kernels/average.h"
#include "kernels/columns.h"
#include "kernels/compact.h"
#include "kernels/dropout.h"
#include "kernels/few_rows.h"
#include "kernels/maxout.h"
#include "kernels/microkernel.h"
#include "kernels/noise.h"
#include "kernels/normalize.h"
#include "kernels/norms.h"
#include "kernels/peak.h"
#include "kernels/rows.h"
#include "kernels/skip.h"
#include "kernels/update.h"

namespace fastmlp {
namespace FASTMLP_ISA {
namespace {

template <class T, int... J>
void enter_skipping_tiles(KernelTable<T>& to, Positions<J...>) {
    ((to.skipping_tile[J] = skipping_tile<T, J + 1>), ...);
}

template <class T, class Activation>
void enter_activation(KernelTable<T>& to, int id) {
    if constexpr (!Activation::rowwise) {
        using Back = typename OnTheWayBack<Activation>::type;
        to.bias_activation[id] = bias_activation<Activation, T>;
        to.backward[id] = backward<Back, T>;
        to.bias_activation_columns[id] = bias_activation_columns<Activation, T>;
        to.backward_columns[id] = backward_columns<Back, T>;
        to.few_rows_backward[id] = few_rows_backward<Back, T>;
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
    ((to.loss[id][0][output] = loss_kernel<Loss, Outputs, false, T>(), to.loss[id][1][output++] = loss_kernel<Loss, Outputs, true, T>()),
     ...);
}

template <class T, class... Rows>
void enter_losses(KernelTable<T>& to, Catalog<Rows...>) {
    int id = 0;
    (enter_loss<T, Rows>(to, id++, Activations()), ...);
}

template <class T, class... Outputs>
void enter_given_gradient(KernelTable<T>& to, Catalog<Outputs...>) {
    int output = 0;
    ((to.given_gradient[output++] = loss_kernel<GivenGradient, Outputs, false, T>()), ...);
}

template <class T, class Optimizer, int form = 0>
void enter_optimizer(KernelTable<T>& to, int id) {
    to.update[id][form][0] = update<Optimizer, form, false, T>;
    to.update[id][form][1] = update<Optimizer, form, true, T>;
    if constexpr (form == 0 && Optimizer::states(form) == 0) {  // with states it gained nothing
        UpdateTiles<Optimizer, T, 1>::enter(to.update_tile[id][0]);
        UpdateTiles<Optimizer, T, 2>::enter(to.update_tile[id][1]);
        to.few_rows_update[id] = few_rows_update<Optimizer, T>;
    }
    if constexpr (form + 1 < Optimizer::forms) enter_optimizer<T, Optimizer, form + 1>(to, id);
}

template <class T, class... Rows>
void enter_optimizers(KernelTable<T>& to, Catalog<Rows...>) {
    int id = 0;
    (enter_optimizer<T, Rows>(to, id++), ...);
}

template <class T>
constexpr StructuredKernels<T> structured_kernels() {
    return {column_moments<T>,
            normalize_columns<T>,
            normalize_rows<T>,
            normalize_columns_back<T>,
            normalize_rows_back<T>,
            product_sums<T>,
            add<T>,
            transpose_rows<T>,
            maxout<T>,
            maxout_back<T>};
}

template <class T>
KernelTable<T> make_table() {
    KernelTable<T> to = {};
    enter_tiles<T>(to);
    to.compress_rows = compress_rows<T>;
    to.compress_columns = compress_columns<T>;
    to.compact = compact<T>;
    to.copy_rows = copy_rows<T>;
    to.warp = warp<T>;
    to.random_field = random_field;
    to.add_noise = add_noise<T>;
    to.limit_columns = limit_columns<T>;
    to.drop_mask = drop_mask;
    to.drop = drop<T>;
    to.drop_back = drop_back<T>;
    enter_skipping_tiles<T>(to, typename PositionsTo<largest_skipping_vectors>::type());
    enter_activations<T>(to, Activations());
    enter_losses<T>(to, Losses());
    enter_given_gradient<T>(to, Activations());
    to.weigh = weigh<T>;
    to.pack = pack<T>;
    to.softmax = softmax<T>;
    to.find_nonzero = find_nonzero<T>;
    to.few_rows_product = few_rows_product<T>;
    to.softmax_row = softmax_row<T>;
    to.column_sums = column_sums<T>;
    to.average = average<T>;
    to.structured = structured_kernels<T>();
    enter_optimizers<T>(to, Optimizers());
    to.gather[static_cast<int>(SourceType::uint8)] = gather<uint8_t, T>;
    to.gather[static_cast<int>(SourceType::float32)] = gather<float, T>;
    to.gather[static_cast<int>(SourceType::float64)] = gather<double, T>;
    to.gather_columns[static_cast<int>(SourceType::uint8)] = gather_columns<uint8_t, T>;
    to.gather_columns[static_cast<int>(SourceType::float32)] = gather_columns<float, T>;
    to.gather_columns[static_cast<int>(SourceType::float64)] = gather_columns<double, T>;
    to.map[static_cast<int>(Function::exp)] = map<Function::exp, T>;
    to.map[static_cast<int>(Function::log)] = map<Function::log, T>;
    to.map[static_cast<int>(Function::log1p)] = map<Function::log1p, T>;
    to.map[static_cast<int>(Function::sigmoid)] = map<Function::sigmoid, T>;
    to.map[static_cast<int>(Function::tanh)] = map<Function::tanh, T>;
    to.peak[static_cast<int>(Operation::fma)] = fma_peak<T>;
    to.map[static_cast<int>(Function::sqrt)] = map<Function::sqrt, T>;
    to.map[static_cast<int>(Function::expm1_of_negative)] = map<Function::expm1_of_negative, T>;
    to.map[static_cast<int>(Function::normal_cdf)] = map<Function::normal_cdf, T>;
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
