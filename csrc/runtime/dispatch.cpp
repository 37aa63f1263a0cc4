#include "runtime/dispatch.h"

#include <cstdlib>
#include <map>
#include <stdexcept>

#include "runtime/cpu.h"
#include "runtime/isas.h"
#include "runtime/trial.h"

#define FASTMLP_DECLARE(isa, predicate) extern "C" fastmlp::Kernels fastmlp_kernels_##isa();
FASTMLP_ISAS(FASTMLP_DECLARE)
#define FASTMLP_DECLARE_SPARSE(isa, predicate) extern "C" fastmlp::SparseKernels fastmlp_sparse_##isa();
FASTMLP_SPARSE_ISAS(FASTMLP_DECLARE_SPARSE)
#define FASTMLP_DECLARE_PAIRS(isa, predicate) extern "C" fastmlp::PairKernels fastmlp_pairs_##isa();
FASTMLP_PAIR_ISAS(FASTMLP_DECLARE_PAIRS)

namespace fastmlp {
namespace {

bool always() { return true; }

template <class Table>
struct Isa {
    const char* name;
    bool (*supported)();
    Table (*make)();
};

#define FASTMLP_ROW(isa, predicate) {#isa, predicate, fastmlp_kernels_##isa},
constexpr Isa<Kernels> isas[] = {FASTMLP_ISAS(FASTMLP_ROW)};
#define FASTMLP_SPARSE_ROW(isa, predicate) {#isa, predicate, fastmlp_sparse_##isa},
constexpr Isa<SparseKernels> sparse_isas[] = {FASTMLP_SPARSE_ISAS(FASTMLP_SPARSE_ROW)};
#define FASTMLP_PAIR_ROW(isa, predicate) {#isa, predicate, fastmlp_pairs_##isa},
constexpr Isa<PairKernels> pair_isas[] = {FASTMLP_PAIR_ISAS(FASTMLP_PAIR_ROW)};

template <class Table, std::size_t count>
std::vector<std::string> names_found(const Isa<Table> (&rows)[count]) {
    std::vector<std::string> names;
    for (const Isa<Table>& isa : rows)
        if (isa.supported()) names.push_back(isa.name);
    return names;
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

// The name that FASTMLP_ISA asks for; empty: any.
std::string wanted() {
    const char* name = std::getenv("FASTMLP_ISA");
    return name == nullptr ? "" : name;
}

Kernels choose() {
    for (const Isa<Kernels>& isa : isas)
        if (isa.supported() && (wanted().empty() || wanted() == isa.name)) return isa.make();
    throw std::invalid_argument("FASTMLP_ISA='" + wanted() +
                                "' is not an instruction set of this build and CPU; choose from: " + listed(isas_found()));
}

SparseKernels choose_sparse() {
    const std::string name = kernels().name;
    for (const Isa<SparseKernels>& isa : sparse_isas)
        if (isa.name == name) return isa.make();
    throw std::logic_error("no sparse kernels for " + name);
}

const PairKernels& choose_pairs() {
    const PairKernels& plain = pair_kernels(kernels().name);
    const PairKernels& best = pair_kernels(pair_isas_found().front());
    return wanted().empty() && &best != &plain && pays(best, plain) ? best : plain;
}

}  // namespace

std::vector<std::string> isas_built() {
    std::vector<std::string> names;
    for (const Isa<Kernels>& isa : isas) names.push_back(isa.name);
    return names;
}

std::vector<std::string> isas_found() { return names_found(isas); }
std::vector<std::string> pair_isas_found() { return names_found(pair_isas); }

const Kernels& kernels() {
    static const Kernels chosen = choose();
    return chosen;
}

const SparseKernels& sparse_kernels() {
    static const SparseKernels chosen = choose_sparse();
    return chosen;
}

const PairKernels& pair_kernels() {
    static const PairKernels& chosen = choose_pairs();
    return chosen;
}

const PairKernels& pair_kernels(const std::string& name) {
    static const std::map<std::string, PairKernels> tables = [] {
        std::map<std::string, PairKernels> made;
        for (const Isa<PairKernels>& isa : pair_isas)
            if (isa.supported()) made.emplace(isa.name, isa.make());
        return made;
    }();
    const auto found = tables.find(name);
    if (found != tables.end()) return found->second;
    throw std::invalid_argument("'" + name +
                                "' is not an instruction set for pairs of this build and CPU; choose from: " + listed(pair_isas_found()));
}

}  // namespace fastmlp
