// Max-norm regularisation (N. Srebro and A. Shraibman, COLT 2005; with dropout: N. Srivastava et al., JMLR 15, 2014): after each update the
// incoming weights of a hidden unit, a column of W, are scaled down to a given length if they are longer.
#pragma once

#include <type_traits>

#include "network/chunk.h"
#include "network/mixed.h"

namespace fastmlp {

// All members together, when all updates are complete; the next barrier ends it.
template <class T>
void limit_norms(const StepContext<T>& context, const Member& member) {
    const StepPlan<T>& plan = context.plan;
    const int64_t lanes = context.kernels.lanes;
    for (int64_t l = 0; l + 1 < context.parameters.layers(); ++l) {
        const Layer<T>& layer = context.parameters[l];
        const Range mine = part_of(layer.out, 2 * lanes, member.index, member.count);
        if (mine.size() <= 0 || !context.parameters.owns(l)) continue;
        context.kernels.limit_columns(layer.in, mine.size(), layer.weight + mine.begin, layer.weight_row, plan.max_norm);
        if constexpr (std::is_same_v<T, float>)
            if (plan.mixed.kernels) round_weights(layer, plan.mixed, l, {0, layer.in}, mine);
    }
}

}  // namespace fastmlp
