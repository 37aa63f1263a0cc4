#include "network/clipping.h"

#include <cmath>

#include "gemm/share.h"
#include "network/step.h"

namespace fastmlp {
namespace {

constexpr int64_t rows_of_a_block = 64;
constexpr int chains = 8;

// Element j of every row belongs to chain j modulo 8: enough of them for any vector of doubles.
template <class T>
double squares_of(const T* x, int64_t row, int64_t rows, int64_t columns) {
    double sums[chains] = {};
    for (int64_t i = 0; i < rows; ++i, x += row) {
        int64_t j = 0;
        for (; j + chains <= columns; j += chains)
            for (int k = 0; k < chains; ++k) sums[k] += static_cast<double>(x[j + k]) * static_cast<double>(x[j + k]);
        for (; j < columns; ++j) sums[j % chains] += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    }
    double sum = 0;
    for (const double part : sums) sum += part;
    return sum;
}

template <class T>
double squares_of_block(const StepContext<T>& context, const typename Clipping<T>::Block& block) {
    const StepPlan<T>& plan = context.plan;
    const Layer<T>& layer = context.parameters[block.l];
    const auto l = static_cast<std::size_t>(block.l), e = static_cast<std::size_t>(std::max(0, block.tensor));
    const bool is_extra = block.tensor >= 0;
    const T* const gradient = is_extra ? plan.extra_gradient[l][e] : block.tensor == -1 ? plan.bias_gradient[l] : plan.gradient[l];
    const int64_t row = is_extra ? layer.extras[e].row : layer.weight_row, columns = is_extra ? layer.extras[e].about.columns : layer.out;
    return squares_of(gradient + block.begin * row, row, block.end - block.begin, columns);
}

}  // namespace

template <class T>
void Clipping<T>::take(Arena& in, const Parameters<T>& parameters) {
    blocks.clear();
    const auto cut = [&](int64_t l, int tensor, int64_t rows) {
        for (int64_t i = 0; i < rows; i += rows_of_a_block) blocks.push_back({l, tensor, i, std::min(rows, i + rows_of_a_block)});
    };
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        if (parameters[l].weight_owner == l) cut(l, -2, parameters[l].in);
        if (parameters.owns(l)) cut(l, -1, 1);
        for (std::size_t e = 0; e < parameters[l].extras.size(); ++e)
            if (parameters[l].extras[e].about.trained) cut(l, static_cast<int>(e), parameters[l].extras[e].about.lines());
    }
    squares = in.take<double>(static_cast<int64_t>(blocks.size()));
}

template <class T>
void Clipping<T>::set_factor(double clip_norm, int64_t batch) {
    double sum = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) sum += squares[i];
    const double norm = std::sqrt(sum) / static_cast<double>(batch);
    factor = norm > clip_norm ? static_cast<T>(clip_norm / norm) : T(1);
}

template <class T>
void sum_squares(const StepContext<T>& context, const Member& member) {
    const StepPlan<T>& plan = context.plan;
    constexpr int64_t of_a_line = 8;
    const Range mine = part_of(static_cast<int64_t>(plan.clipping.blocks.size()), of_a_line, member.index, member.count);
    for (int64_t i = mine.begin; i < mine.end; ++i) {
        plan.clipping.squares[i] = squares_of_block(context, plan.clipping.blocks[static_cast<std::size_t>(i)]);
    }
    member.wait();
}

template struct Clipping<float>;
template struct Clipping<double>;
template void sum_squares(const StepContext<float>&, const Member&);
template void sum_squares(const StepContext<double>&, const Member&);

}  // namespace fastmlp
