// The ways of a step that are faster than the plain one and give the same bits.
#pragma once

#include <string>
#include <vector>

namespace fastmlp {

struct FastWays {
    bool skipping = true;    // of zeros in the inputs (gemm/skip.h)
    bool compacting = true;  // of inputs: features that are zero in all samples of a batch are left out (compact.h)
    bool few = true;         // samples together, row by row of W (few.h)
    bool narrow = true;      // samples in the lanes (narrow.h)
    bool updating = true;    // plain SGD from the registers of the gradient's tile (update.h)
    bool packing = true;     // panels of wide layers are copied (gemm/multiply.h)
    bool sparse = true;      // of prediction alone: weights that are zero are left out (sparse.h)
};

inline std::vector<std::string> names_of(const FastWays& ways) {
    std::vector<std::string> names;
    if (ways.skipping) names.emplace_back("skipping");
    if (ways.compacting) names.emplace_back("compacting");
    if (ways.few) names.emplace_back("few");
    if (ways.narrow) names.emplace_back("narrow");
    if (ways.updating) names.emplace_back("updating");
    if (ways.packing) names.emplace_back("packing");
    return names;
}

// For tests and comparisons: a way that is not allowed is not taken.
inline FastWays& allowed() {
    static FastWays ways;
    return ways;
}

}  // namespace fastmlp
