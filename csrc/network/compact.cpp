#include "network/compact.h"

#include "network/chunk.h"

namespace fastmlp {
namespace {

constexpr double largest_share = 0.8;       // of the features kept: above, the copies cost more than they save
constexpr int patience = 16;                // steps without success until no more are tried
constexpr int64_t largest_bytes = 1 << 20;  // of W: from slower caches the copies cost too much

}  // namespace

template <class T>
void Compaction<T>::take(Arena& in, const Layer<T>& lowest, T* inputs, int64_t batch, int64_t row) {
    gathered = inputs;
    kept = in.take<T>(checked_product(batch, row));
    places = in.take<int32_t>(row);
    weight = in.take<T>(checked_product(lowest.in, lowest.weight_row));
    layer = lowest;
}

template <class T>
bool compacting_pays(const Layer<T>& lowest) {
    return lowest.in * lowest.weight_row * static_cast<int64_t>(sizeof(T)) <= largest_bytes;
}

template <class T>
void leave_out_zeros(const Chunk<T>& c) {
    Compaction<T>& of = c.plan.compaction;
    const Layer<T>& whole = c.parameters[0];
    const int64_t row = c.plan.activity.row[0];
    c.plan.activity.y[0] = of.gathered;
    of.layer = whole;
    if (of.fruitless >= patience) return;
    const int64_t count = c.kernels.compact({c.rows, whole.in, of.gathered, row, of.kept, row, of.places});
    const bool pays = count > 0 && static_cast<double>(count) < largest_share * static_cast<double>(whole.in);
    of.fruitless = pays ? 0 : of.fruitless + 1;
    if (!pays) return;
    c.kernels.copy_rows(count, whole.out, whole.weight, of.places, of.weight, nullptr, whole.weight_row);
    c.plan.activity.y[0] = of.kept;
    of.layer.in = count;
    of.layer.weight = of.weight;
}

template <class T>
T put_back(const Chunk<T>& c) {
    const Compaction<T>& of = c.plan.compaction;
    const Layer<T>& whole = c.parameters[0];
    if (of.layer.weight == of.weight)
        c.kernels.copy_rows(of.layer.in, whole.out, of.weight, nullptr, whole.weight, of.places, whole.weight_row);
    return c.peaks.parameters;
}

template struct Compaction<float>;
template struct Compaction<double>;
template bool compacting_pays(const Layer<float>&);
template bool compacting_pays(const Layer<double>&);
template void leave_out_zeros(const Chunk<float>&);
template void leave_out_zeros(const Chunk<double>&);
template float put_back(const Chunk<float>&);
template double put_back(const Chunk<double>&);

}  // namespace fastmlp
