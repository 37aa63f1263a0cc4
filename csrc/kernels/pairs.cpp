// Fills the table of bf16 products of one instruction set. CMakeLists.txt compiles this file once per row of its lists, with
// FASTMLP_ISA naming the row; the one symbol that leaves the object is fastmlp_pairs_<row>.
#include "kernels/pairs.h"
#include "kernels/activate.h"
#include "kernels/elementwise.h"
#include "kernels/microkernel.h"
#include "kernels/round.h"

namespace fastmlp {
namespace FASTMLP_ISA {
namespace {

template <class Activation>
void enter_backward(PairKernels& to, int id) {
    if constexpr (!Activation::rowwise) to.backward[id] = pair_backward<typename OnTheWayBack<Activation>::type>;
}

template <class... Rows>
void enter_backwards(PairKernels& to, Catalog<Rows...>) {
    int id = 0;
    (enter_backward<Rows>(to, id++), ...);
}

PairKernels make_pairs(const char* name) {
    PairKernels to = {};
    to.name = name;
    enter_tiles(to);
    to.pack = pack<Pair>;
    to.round = round;
    enter_backwards(to, Activations());
    to.column_sums = pair_column_sums;
    return to;
}

}  // namespace
}  // namespace FASTMLP_ISA
}  // namespace fastmlp

#define FASTMLP_JOIN(a, b) a##b
#define FASTMLP_ENTRY(isa) FASTMLP_JOIN(fastmlp_pairs_, isa)
#define FASTMLP_QUOTE(name) #name
#define FASTMLP_TEXT(name) FASTMLP_QUOTE(name)

// Runs only after dispatch has found that this CPU has the instructions.
extern "C" fastmlp::PairKernels FASTMLP_ENTRY(FASTMLP_ISA)() { return fastmlp::FASTMLP_ISA::make_pairs(FASTMLP_TEXT(FASTMLP_ISA)); }
