#include "network/workspace.h"

#include <algorithm>

namespace fastmlp {

template <class T>
FewWorkspace<T>::FewWorkspace(const Parameters<T>& parameters) : sparse(parameters.sparse != nullptr) {
    int64_t widest = parameters[0].in;
    for (int64_t l = 0; l < parameters.layers(); ++l) widest = std::max(widest, parameters[l].out);
    x_row = padded<T>(parameters[0].in);
    y_row = padded<T>(widest);
    memory_ = place([&](Arena& in) {
        x = in.take<T>(checked_product(largest_few_rows, x_row));
        for (T*& outputs : y) outputs = in.take<T>(checked_product(largest_few_rows, y_row));
        if (sparse) panels.take(in, widest, 1);
        rows.index = in.take<int32_t>(few_rows_room(widest));
        softmax_columns = in.take<T>(checked_product(parameters[parameters.layers() - 1].out, largest_lanes));
        head.take(in, parameters.heads());
    });
}

template <class T>
BlockWorkspaces<T>::BlockWorkspaces(const Parameters<T>& parameters, int64_t rows_, int members, bool skips_)
    : rows(rows_), skips(skips_), sparse(parameters.sparse != nullptr), of_member(static_cast<std::size_t>(members)) {
    memory_ = place([&](Arena& in) {
        for (BlockWorkspace<T>& own : of_member) {
            own.activity.take(in, parameters, rows);
            own.structured.take(in, parameters, rows, 0);
            if (skips) own.by_sample.take(in, rows, parameters[0].in);
            if (sparse) own.panels.take(in, parameters.sparse->widest, largest_sparse_vectors);
            own.scratch.take(in, parameters, rows, false);
            own.delta_t = in.take<T>(checked_product(parameters[parameters.layers() - 1].out, largest_lanes));
            own.losses = in.take<T>(rows + largest_lanes);
            own.losses_by_head.assign(parameters.heads().size(), nullptr);
            for (T*& losses : own.losses_by_head) losses = in.take<T>(rows + largest_lanes);
            own.head.take(in, parameters.heads());
        }
    });
}

template struct FewWorkspace<float>;
template struct FewWorkspace<double>;
template struct BlockWorkspaces<float>;
template struct BlockWorkspaces<double>;

}  // namespace fastmlp
