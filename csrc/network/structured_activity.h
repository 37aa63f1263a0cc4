// What a pass through structured layers (structured.h) keeps beside the activities, for prediction or for the way back.
#pragma once

#include <algorithm>
#include <vector>

#include "network/parameters.h"

namespace fastmlp {

// Null where the layer has no use of it. ld of all matrices is that of y[l + 1] in the activity.
template <class T>
struct StructuredLayer {
    T* normalized = nullptr;  // (rows x out)
    T* mean = nullptr;        // (out), of the batch; null too in prediction
    T* variance = nullptr;
    T* inverse = nullptr;  // 1 / sqrt(variance + epsilon): (out) over the samples, (rows) over the units
    T* chosen = nullptr;   // (rows x out): which piece was the largest
    T* d = nullptr;        // (rows x out): dL/d(normalised sum); where the layer is not normalised, delta[l] is that
    T* d_t = nullptr;      // (out x rows), its transpose, ld = delta_t_row
};

template <class T>
struct StructuredActivity {
    std::vector<StructuredLayer<T>> of;  // [l]; empty: all layers are plain
    T* zeros = nullptr;                  // (the widest layer)
    T* d_y_t = nullptr;                  // (the widest layer x rows): dL/dy of the layer at hand, ld = delta_t_row

    explicit operator bool() const { return !of.empty(); }

    // For rows that go through together; delta_t_row 0: they do not come back.
    void take(Arena& in, const Parameters<T>& parameters, int64_t rows, int64_t delta_t_row) {
        if (!parameters.is_structured()) return;
        of.assign(static_cast<std::size_t>(parameters.layers()), {});
        int64_t widest = 0;
        for (int64_t l = 0; l < parameters.layers(); ++l) {
            widest = std::max(widest, parameters[l].weight_row);
            take_layer(in, parameters[l], rows, delta_t_row, of[static_cast<std::size_t>(l)]);
        }
        zeros = in.take<T>(widest);
        if (delta_t_row > 0) d_y_t = in.take<T>(checked_product(widest, delta_t_row));
    }

private:
    static void take_layer(Arena& in, const Layer<T>& layer, int64_t rows, int64_t delta_t_row, StructuredLayer<T>& own) {
        const Over over = layer.structure.normalization().over;
        const int64_t size = checked_product(rows, layer.weight_row);
        if (over == Over::samples) own.inverse = in.take<T>(layer.weight_row);
        if (delta_t_row == 0) return;
        if (layer.structure.pieces > 1) own.chosen = in.take<T>(size);
        if (over == Over::nothing) return;
        if (over == Over::units) own.inverse = in.take<T>(rows);
        if (over == Over::samples) {
            own.mean = in.take<T>(layer.weight_row);
            own.variance = in.take<T>(layer.weight_row);
        }
        own.normalized = in.take<T>(size);
        own.d = in.take<T>(size);
        own.d_t = in.take<T>(checked_product(layer.out, delta_t_row));
    }
};

}  // namespace fastmlp
