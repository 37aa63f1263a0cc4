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

}  // namespace

template <class T>
void Clipping<T>::take(Arena& in, const Parameters<T>& parameters) {
    blocks.clear();
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        for (int64_t i = 0; i < parameters[l].in; i += rows_of_a_block)
            blocks.push_back({l, i, std::min(parameters[l].in, i + rows_of_a_block)});
        blocks.push_back({l, 0, 0});
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
        const auto block = plan.clipping.blocks[static_cast<std::size_t>(i)];
        const Layer<T>& layer = context.parameters[block.l];
        const auto l = static_cast<std::size_t>(block.l);
        plan.clipping.squares[i] = block.end == 0 ? squares_of(plan.bias_gradient[l], 0, 1, layer.out)
                                                  : squares_of(plan.gradient[l] + block.begin * layer.weight_row, layer.weight_row,
                                                               block.end - block.begin, layer.out);
    }
    member.wait();
}

template struct Clipping<float>;
template struct Clipping<double>;
template void sum_squares(const StepContext<float>&, const Member&);
template void sum_squares(const StepContext<double>&, const Member&);

}  // namespace fastmlp
