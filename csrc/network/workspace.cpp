#include "network/workspace.h"

#include <algorithm>

namespace fastmlp {

template <class T>
RowWorkspace<T>::RowWorkspace(const Parameters<T>& parameters) {
    const int64_t inputs = parameters[0].in;
    int64_t widest = inputs;
    for (int64_t l = 0; l < parameters.layers(); ++l) widest = std::max(widest, parameters[l].out);
    memory_ = place([&](Arena& in) {
        x = in.take<T>(padded<T>(inputs));
        for (T*& outputs : y) outputs = in.take<T>(padded<T>(widest));
        row.index = in.take<int32_t>(sparse_row_room(widest));
        softmax_columns = in.take<T>(checked_product(parameters[parameters.layers() - 1].out, largest_lanes));
    });
}

template <class T>
BlockWorkspaces<T>::BlockWorkspaces(const Parameters<T>& parameters, int64_t rows_, int members, bool skips_)
    : rows(rows_), skips(skips_), of_member(static_cast<std::size_t>(members)) {
    memory_ = place([&](Arena& in) {
        for (BlockWorkspace<T>& own : of_member) {
            own.activity.take(in, parameters, rows);
            if (skips) own.by_sample.take(in, rows, parameters[0].in);
            own.scratch.take(in, parameters, rows, false);
            own.delta_t = in.take<T>(checked_product(parameters[parameters.layers() - 1].out, largest_lanes));
            own.losses = in.take<T>(rows + largest_lanes);
        }
    });
}

template struct RowWorkspace<float>;
template struct RowWorkspace<double>;
template struct BlockWorkspaces<float>;
template struct BlockWorkspaces<double>;

}  // namespace fastmlp
