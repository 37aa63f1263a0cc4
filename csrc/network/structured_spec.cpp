#include "network/structured_spec.h"

#include <algorithm>
#include <stdexcept>

#include "network/layer_structure.h"

namespace fastmlp {
namespace {

// Its activities then fill some hundred bytes a unit and sample.
constexpr int64_t largest_whole_batch = 65536;

void require_normalization(const Spec& spec) {
    const auto given = static_cast<int64_t>(spec.structure.normalization.size()), hidden = spec.layers() - 1;
    if (given != 0 && given != hidden)
        throw std::invalid_argument("normalization has " + std::to_string(given) + " entries; the network has " + std::to_string(hidden) +
                                    " hidden layers");
}

void require_skips(const Spec& spec) {
    const auto& skips = spec.structure.skips;
    for (std::size_t i = 0; i < skips.size(); ++i) {
        const auto [from, to] = skips[i];
        const std::string what = "skips[" + std::to_string(i) + "] goes from " + std::to_string(from) + " to " + std::to_string(to);
        if (from < 0) throw std::invalid_argument(what + "; it must come from 0, the inputs, or a layer");
        if (to < from + 2) throw std::invalid_argument(what + "; it must go to " + std::to_string(from + 2) + " or later");
        if (to > spec.layers()) throw std::invalid_argument(what + "; the last layer, the output's, is " + std::to_string(spec.layers()));
        if (std::find(skips.begin(), skips.begin() + static_cast<std::ptrdiff_t>(i), skips[i]) !=
            skips.begin() + static_cast<std::ptrdiff_t>(i))
            throw std::invalid_argument(what + ", as one before does");
    }
}

void add_normalization(const NormalizationRow& row, int64_t units, std::vector<ExtraTensor>& to) {
    if (row.over == Over::nothing) return;
    to.push_back({normalization_tensors::scale, 0, units, 1, true, false});
    if (row.centres) to.push_back({normalization_tensors::shift, 0, units, 0, true, false});
    if (row.over != Over::samples) return;
    to.push_back({normalization_tensors::running_mean, 0, units, 0, false, false});
    to.push_back({normalization_tensors::running_variance, 0, units, 1, false, false});
}

}  // namespace

std::string projection_name(int64_t from) { return "projection." + std::to_string(from); }

void add_structured_layers(Spec& spec) {
    require_normalization(spec);
    require_skips(spec);
    auto& normalization = spec.structure.normalization;
    if (std::all_of(normalization.begin(), normalization.end(), [](const auto& one) { return one.id == Normalizations::none; }))
        normalization.clear();
    auto& skips = spec.structure.skips;
    std::sort(skips.begin(), skips.end(), [](const auto& a, const auto& b) { return a[1] != b[1] ? a[1] < b[1] : a[0] < b[0]; });
    for (std::size_t l = 0; l < normalization.size(); ++l)
        add_normalization(row_of(normalization[l]), spec.columns(static_cast<int64_t>(l)), spec.extras[l]);
    for (const auto& [from, to] : skips) {
        const int64_t width = spec.sizes[static_cast<std::size_t>(from)], units = spec.columns(to - 1);
        if (width != units) spec.extras[static_cast<std::size_t>(to - 1)].push_back({projection_name(from), width, units, 0, true, true});
    }
}

void require_whole_batches(const Spec& spec, int64_t batch) {
    for (const ChosenNormalization& one : spec.structure.normalization) {
        if (row_of(one).over != Over::samples) continue;
        const std::string what =
            "normalization '" + std::string(row_of(one).name) + "' takes a batch whole, and batch_size = " + std::to_string(batch);
        if (batch < 2) throw std::invalid_argument(what + " has no variance: it must be 2 or more");
        if (batch > largest_whole_batch) throw std::invalid_argument(what + " is more than " + std::to_string(largest_whole_batch));
    }
}

}  // namespace fastmlp
