#include "runtime/dispatch.h"

#include <cstdlib>
#include <stdexcept>

#include "runtime/cpu.h"
#include "runtime/isas.h"

#define FASTMLP_DECLARE(isa, predicate) extern "C" fastmlp::Kernels fastmlp_kernels_##isa();
FASTMLP_ISAS(FASTMLP_DECLARE)

namespace fastmlp {
namespace {

bool always() { return true; }

struct Isa {
    const char* name;
    bool (*supported)();
    Kernels (*make)();
};

#define FASTMLP_ROW(isa, predicate) {#isa, predicate, fastmlp_kernels_##isa},
constexpr Isa isas[] = {FASTMLP_ISAS(FASTMLP_ROW)};

Kernels choose() {
    const char* wanted = std::getenv("FASTMLP_ISA");
    const bool any = wanted == nullptr || *wanted == '\0';
    for (const Isa& isa : isas)
        if (isa.supported() && (any || std::string(wanted) == isa.name)) return isa.make();
    std::string choices;
    for (const std::string& name : isas_found()) choices += (choices.empty() ? "" : ", ") + name;
    throw std::invalid_argument("FASTMLP_ISA='" + std::string(wanted) +
                                "' is not an instruction set of this build and CPU; choose from: " + choices);
}

}  // namespace

std::vector<std::string> isas_built() {
    std::vector<std::string> names;
    for (const Isa& isa : isas) names.push_back(isa.name);
    return names;
}

std::vector<std::string> isas_found() {
    std::vector<std::string> names;
    for (const Isa& isa : isas)
        if (isa.supported()) names.push_back(isa.name);
    return names;
}

const Kernels& kernels() {
    static const Kernels chosen = choose();
    return chosen;
}

}  // namespace fastmlp
