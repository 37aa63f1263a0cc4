#include "network/samples.h"

#include <algorithm>

namespace fastmlp {
namespace {

constexpr int64_t most_rows_asked = 64, rows_for_one_asked = 8;  // a prediction of some rows must not pay for many questions
// Of zeros. Measured on 784-128-10, 784-512-512-10 and 784-2048-2048-10: from 0.7 on a step was 5 to 14 % faster, at 0.6 none of
// the three lost more than 2 %, at 0.5 the first lost 9 %.
constexpr double share_that_pays = 0.65;
constexpr int64_t fewest_features = 32;

template <class Source>
int64_t zeros_of(const void* row, int64_t features, const double* shift) {
    const auto* const x = static_cast<const Source*>(row);
    int32_t zeros = 0;
    if (shift == nullptr)
        for (int64_t j = 0; j < features; ++j) zeros += x[j] == Source(0);
    else
        for (int64_t j = 0; j < features; ++j) zeros += static_cast<double>(x[j]) == shift[j];
    return zeros;
}

}  // namespace

bool mostly_zeros(const Inputs& inputs, int64_t features) {
    if (features < fewest_features) return false;
    const int64_t asked = std::min(inputs.count / rows_for_one_asked, most_rows_asked);
    int64_t zeros = 0;
    for (int64_t i = 0; i < asked; ++i) {
        const void* const row = static_cast<const char*>(inputs.data) + inputs.count * i / asked * inputs.row_bytes;
        if (inputs.type == SourceType::uint8) zeros += zeros_of<uint8_t>(row, features, inputs.shift);
        if (inputs.type == SourceType::float32) zeros += zeros_of<float>(row, features, inputs.shift);
        if (inputs.type == SourceType::float64) zeros += zeros_of<double>(row, features, inputs.shift);
    }
    return static_cast<double>(zeros) > share_that_pays * static_cast<double>(asked * features);
}

}  // namespace fastmlp
