// Limits of the gradient before the optimizer sees it (math/update_options.h). By value the update kernels clip; by norm the gradients of
// all parameters are summed first, so that a step stores them.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "network/optimizer.h"
#include "runtime/team.h"

namespace fastmlp {

template <class T>
struct StepContext;

template <class T>
struct Clipping {
    bool by_norm = false;
    T value = 0;   // the limit of one element; only kernels that clip look at it
    T factor = 1;  // of the gradient, in this step

    // Some rows of W[l], of its bias or of another tensor of the layer. A block's sum of squares is a few chains joined in order, the norm
    // a chain over the blocks, so that it does not matter who sums which block.
    struct Block {
        int64_t l;
        int tensor;  // that of W is -2, of the bias -1, else the number among the extras
        int64_t begin, end;
    };
    std::vector<Block> blocks;
    double* squares;  // (blocks)

    void take(Arena& in, const Parameters<T>& parameters);
    void set_factor(double clip_norm, int64_t batch);  // from the squares

    // No element of the mean gradient exceeds it after clipping, if none does `gradient` before, and no sum over the batch `sum`; infinity
    // where the square of a sum might not be finite. The factor covers the roundings.
    double bound(const UpdateRule& rule, double gradient, double sum) const {
        constexpr double largest_squared = 1e150;
        if (by_norm) return sum < largest_squared ? std::min(gradient, 1.001 * rule.clip_norm) : std::numeric_limits<double>::infinity();
        return value != 0 ? std::min(gradient, 1.001 * rule.clip_value) : gradient;
    }
};

// By all members, once the gradients are stored.
template <class T>
void sum_squares(const StepContext<T>& context, const Member& member);

}  // namespace fastmlp
