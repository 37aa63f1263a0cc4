#include "network/dropout.h"

#include <algorithm>
#include <cmath>

#include "network/chunk.h"
#include "random/philox.h"

namespace fastmlp {
namespace {

constexpr double chances = 65536;

template <class T>
DropArguments<T> rectangle(const Chunk<T>& c, int64_t l, const Range& samples, const Range& units, T* x, int64_t x_row) {
    const DroppedUnits<T>& of = c.plan.dropout.of[at(l)];
    return {samples.size(), units.size(), x, x_row, nullptr, of.mask + samples.begin * of.mask_row, of.mask_row, units.begin, of.scale};
}

}  // namespace

template <class T>
void Dropout<T>::take(Arena& in, const Parameters<T>& parameters, const DropoutChoices& choices, int64_t rows) {
    choices_ = choices;
    of.assign(choices.rates.size(), {});
    for (std::size_t l = 0; l < of.size(); ++l) {
        if (choices.rates[l] == 0) continue;
        const int64_t width = parameters[static_cast<int64_t>(l)].in;
        of[l].mask_row = (width + 127) / 128 * 16;
        of[l].mask = in.take<uint8_t>(checked_product(rows, of[l].mask_row));
        if (l > 0) of[l].whole = in.take<T>(checked_product(rows, parameters[static_cast<int64_t>(l) - 1].weight_row));
    }
    set_step(0);
}

template <class T>
void Dropout<T>::set_step(int64_t taken) {
    const double factor = dropout_schedules[choices_.schedule].factor(static_cast<double>(taken) / choices_.total);
    const double most = factor < 1 ? chances : chances - 1;  // of a full share some chance to be dropped is left
    for (std::size_t l = 0; l < of.size(); ++l) {
        if (choices_.rates[l] == 0) continue;
        of[l].threshold = static_cast<uint32_t>(std::clamp(std::round(chances * (1 - choices_.rates[l] * factor)), 1.0, most));
        of[l].scale = static_cast<T>(chances / of[l].threshold);
    }
}

template <class T>
T drop_inputs(const Chunk<T>& c, T* x) {
    const Dropout<T>& dropout = c.plan.dropout;
    const Range mine = c.my_samples();
    if (mine.size() <= 0) return 1;
    for (std::size_t l = 0; l < dropout.of.size(); ++l) {
        const DroppedUnits<T>& of = dropout.of[l];
        if (!of) continue;
        const uint32_t stream = static_cast<uint32_t>(Purpose::dropout) << 24 | static_cast<uint32_t>(l);
        c.kernels.drop_mask({{dropout.seed, stream, static_cast<uint32_t>(c.plan.optimizer.steps)},
                             of.threshold,
                             static_cast<uint32_t>(c.first + mine.begin),
                             mine.size(),
                             of.mask + mine.begin * of.mask_row,
                             of.mask_row});
    }
    const int64_t row = c.plan.activity.row[0];
    if (!dropout.of[0]) return 1;
    c.kernels.drop(rectangle(c, 0, mine, {0, c.parameters[0].in}, x + mine.begin * row, row));
    return dropout.of[0].scale;
}

template <class T>
T drop_outputs(const Chunk<T>& c, int64_t l, const Range& samples, const Range& units, T* y, int64_t y_row) {
    const DroppedUnits<T>& of = c.plan.dropout.of[at(l)];
    if (!of) return 1;
    DropArguments<T> arguments = rectangle(c, l, samples, units, y, y_row);
    arguments.whole = of.whole + samples.begin * y_row + units.begin;
    c.kernels.drop(arguments);
    return of.scale;
}

template <class T>
T drop_tile(const Chunk<T>& c, int64_t l, const Range& samples, const Range& units, T* y, int64_t y_row) {
    c.kernels.drop(rectangle(c, l, samples, units, y, y_row));
    return c.plan.dropout.of[at(l)].scale;
}

template <class T>
T drop_delta(const Chunk<T>& c, int64_t l, const Range& samples, const Range& units, T* delta, T* delta_t) {
    c.kernels.drop_back(rectangle(c, l, samples, units, delta, c.plan.activity.row[at(l)]), delta_t, c.plan.delta_t_row);
    return c.plan.dropout.of[at(l)].scale;
}

template struct Dropout<float>;
template struct Dropout<double>;
template float drop_inputs(const Chunk<float>&, float*);
template double drop_inputs(const Chunk<double>&, double*);
template float drop_outputs(const Chunk<float>&, int64_t, const Range&, const Range&, float*, int64_t);
template double drop_outputs(const Chunk<double>&, int64_t, const Range&, const Range&, double*, int64_t);
template float drop_tile(const Chunk<float>&, int64_t, const Range&, const Range&, float*, int64_t);
template float drop_delta(const Chunk<float>&, int64_t, const Range&, const Range&, float*, float*);
template double drop_delta(const Chunk<double>&, int64_t, const Range&, const Range&, double*, double*);

}  // namespace fastmlp
