// Who computes which part of a product: every element of C has one owner, and k is never shared out.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/team.h"

namespace fastmlp {

struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
};

// The part of 0 ... n that falls to `index` of `count`, cut at multiples of `quantum`.
inline Range part_of(int64_t n, int64_t quantum, int64_t index, int64_t count) {
    const int64_t units = (n + quantum - 1) / quantum;
    return {std::min(n, units * index / count * quantum), std::min(n, units * (index + 1) / count * quantum)};
}

// A rectangle of C.
struct Share {
    Range rows, columns;
    bool empty() const { return rows.size() <= 0 || columns.size() <= 0; }
};

// Cuts C into a grid of member.count rectangles: of all grids, the one whose largest rectangle is least. Among equals, columns
// are cut first, so that a column of W and the deltas that update it stay with one member.
inline Share share_of(int64_t rows, int64_t row_quantum, int64_t columns, int64_t column_quantum, const Member& member) {
    int64_t best_across = 1, least = INT64_MAX;
    for (int64_t across = member.count; across >= 1; --across) {
        if (member.count % across != 0) continue;
        const int64_t down = member.count / across;
        const int64_t row_units = (rows + row_quantum - 1) / row_quantum, column_units = (columns + column_quantum - 1) / column_quantum;
        const int64_t largest = ((row_units + down - 1) / down) * ((column_units + across - 1) / across);
        if (largest < least) {
            least = largest;
            best_across = across;
        }
    }
    const int64_t down = member.count / best_across;
    return {part_of(rows, row_quantum, member.index / best_across, down),
            part_of(columns, column_quantum, member.index % best_across, best_across)};
}

}  // namespace fastmlp
