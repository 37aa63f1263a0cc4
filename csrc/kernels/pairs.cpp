// Fills the table of bf16 products of one instruction set. CMakeLists.txt compiles this file once per row of its lists, with
// FASTMLP_ISA naming the row; the one symbol that leaves the object is fastmlp_pairs_<row>.
#include "kernels/elementwise.h"
#include "kernels/microkernel.h"
#include "kernels/round.h"

namespace fastmlp {
namespace FASTMLP_ISA {
namespace {

PairKernels make_pairs(const char* name) {
    PairKernels to = {};
    to.name = name;
    enter_tiles(to);
    to.pack = pack<Pair>;
    to.round = round;
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
