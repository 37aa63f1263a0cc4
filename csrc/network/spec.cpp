#include "network/spec.h"

#include <algorithm>
#include <stdexcept>

#include "math/catalog.h"
#include "network/structured_spec.h"
#include "runtime/arena.h"

namespace fastmlp {
namespace {

template <class Loss>
bool loss_fits(int output_unit) {
    if constexpr (Loss::fused)
        return output_unit == IdOf<typename Loss::Output, Activations>::value;
    else
        return true;
}

template <class... Rows>
bool loss_fits(int id, int output_unit, Catalog<Rows...>) {
    const bool flags[] = {loss_fits<Rows>(output_unit)...};
    return flags[id];
}

// What the layer's activation learns: a number a unit for each of its constants.
std::vector<ExtraTensor> learned(const ChosenActivation& chosen, int64_t units) {
    const ActivationRow& row = row_of(chosen);
    std::vector<ExtraTensor> tensors;
    for (int i = 0; row.learned && i < row.constants.count; ++i)
        tensors.push_back({row.constants.of[i].name, 0, units, chosen.constants[static_cast<std::size_t>(i)], true, false});
    return tensors;
}

// 1 where a weight is, 0 where it is zero and stays so.
ExtraTensor mask(int64_t in, int64_t out) { return {"mask", in, out, 1, false, false, true}; }

// Throws where the heads do not make up the last layer.
void require_heads(const Spec& spec) {
    if (spec.structure.heads.empty()) return;
    int64_t units = 0;
    for (const Head& head : spec.structure.heads) {
        if (head.units < 1) throw std::invalid_argument("a head has " + std::to_string(head.units) + " units; it needs at least 1");
        units = checked_sum(units, head.units);
        if (row_of(head.unit).learned)
            throw std::invalid_argument("activation '" + text_of(head.unit) + "' learns its constants: only hidden layers can have it");
    }
    if (units != spec.outputs())
        throw std::invalid_argument("the heads have " + std::to_string(units) + " units; the last layer has " +
                                    std::to_string(spec.outputs()));
    if (spec.output_unit() != IdOf<Identity, Activations>::value)
        throw std::invalid_argument("heads have output units of their own: the last layer's activation must be '" +
                                    std::string(Identity::name) + "', not '" + text_of(spec.activations.back()) + "'");
}

std::string shape_text(int64_t rows, int64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

// As people count layers, from 1.
std::string names_of(const Tie& tie) { return "tied layers " + std::to_string(tie.owner + 1) + " and " + std::to_string(tie.follower + 1); }

// Throws where a tie does not go from a layer to a later one of the same shape (transposed, of W^T).
void require_tie(const Spec& spec, const Tie& tie, bool transposed) {
    const std::string both = names_of(tie);
    if (tie.owner < 0 || tie.owner >= tie.follower || tie.follower >= spec.layers())
        throw std::invalid_argument(both + ": the first must stand below the second, and both among the layers 1 to " +
                                    std::to_string(spec.layers()));
    const auto a = static_cast<std::size_t>(tie.owner), b = static_cast<std::size_t>(tie.follower);
    const std::vector<bool>& masked = spec.structure.masked;
    if (!masked.empty() && (masked[a] || masked[b])) throw std::invalid_argument(both + " have a mask; tied layers have none");
    int64_t rows = spec.sizes[a], columns = spec.columns(tie.owner);
    const int64_t own_rows = spec.sizes[b], own_columns = spec.columns(tie.follower);
    const std::string shapes = shape_text(rows, columns) + " and " + shape_text(own_rows, own_columns);
    if (transposed) std::swap(rows, columns);
    if (rows != own_rows || columns != own_columns)
        throw std::invalid_argument(both + " have W of " + shapes + "; the second must be " + shape_text(rows, columns));
}

// Throws where a layer has two owners, or an owner has one.
void require_ties(const Spec& spec) {
    std::vector<Tie> all = spec.structure.tied;
    for (const Tie& tie : spec.structure.tied) require_tie(spec, tie, false);
    for (const Tie& tie : spec.structure.tied_transposed) require_tie(spec, tie, true);
    all.insert(all.end(), spec.structure.tied_transposed.begin(), spec.structure.tied_transposed.end());
    for (const Tie& tie : all)
        for (const Tie& other : all)
            if (other.follower == tie.owner || (&other != &tie && other.follower == tie.follower))
                throw std::invalid_argument(names_of(tie) + ": layer " + std::to_string(other.follower + 1) + " is tied to layer " +
                                            std::to_string(other.owner + 1) + " already; tie every layer to the lowest");
}

}  // namespace

int64_t Spec::parameter_count() const {
    int64_t count = 0;
    for (int64_t l = 0; l < layers(); ++l) {
        if (structure.weight_owner_of(l) == l) count = checked_sum(count, checked_product(sizes[static_cast<std::size_t>(l)], columns(l)));
        if (structure.owner_of(l) == l) count = checked_sum(count, columns(l));
    }
    for (const auto& layer : extras)
        for (const ExtraTensor& one : layer)
            if (one.trained) count = checked_sum(count, checked_product(one.lines(), one.columns));
    return count;
}

int64_t Spec::columns(int64_t l) const {
    const auto i = static_cast<std::size_t>(l);
    return checked_product(sizes[i + 1], activations[i].pieces);
}

bool Spec::is_plain() const {
    const auto has_pieces = [](const ChosenActivation& one) { return one.pieces > 1; };
    return std::none_of(activations.begin(), activations.end(), has_pieces) && structure.is_plain() &&
           std::all_of(extras.begin(), extras.end(), [](const auto& layer) { return layer.empty(); });
}

int id_of(const std::string& name, const char* const* names, int count, const std::string& what) {
    std::string choices;
    for (int id = 0; id < count; ++id) {
        if (name == names[id]) return id;
        choices += std::string(id ? ", " : "") + names[id];
    }
    throw std::invalid_argument(what + " '" + name + "' is unknown; choose from: " + choices);
}

int loss_id(const std::string& name) { return id_of(name, Losses::names, Losses::size, "loss"); }
bool is_rowwise(int activation) { return activations()[static_cast<std::size_t>(activation)].rowwise; }
bool keeps_slope(int activation) { return activations()[static_cast<std::size_t>(activation)].keeps_slope; }
bool fits(int loss, int output_unit) {
    return !activations()[static_cast<std::size_t>(output_unit)].learned && loss_fits(loss, output_unit, Losses());
}

Spec make_spec(const std::vector<int64_t>& sizes, const std::vector<std::string>& activations, const Structure& structure) {
    if (sizes.size() < 2)
        throw std::invalid_argument("sizes needs at least two widths, the inputs and the outputs; got " + std::to_string(sizes.size()));
    for (std::size_t i = 0; i < sizes.size(); ++i)
        if (sizes[i] < 1 || sizes[i] > INT32_MAX)
            throw std::invalid_argument("sizes[" + std::to_string(i) + "] = " + std::to_string(sizes[i]) +
                                        " is not between 1 and 2147483647");
    if (activations.size() + 1 != sizes.size())
        throw std::invalid_argument(std::to_string(sizes.size()) + " sizes make " + std::to_string(sizes.size() - 1) + " layers, but " +
                                    std::to_string(activations.size()) + " activations were given: one a layer, the last for the output");
    Spec spec{sizes, {}, structure};
    if (!structure.masked.empty() && structure.masked.size() != activations.size())
        throw std::invalid_argument("structure 'masked' has " + std::to_string(structure.masked.size()) + " entries; the network has " +
                                    std::to_string(activations.size()) + " layers");
    for (std::size_t l = 0; l < activations.size(); ++l) {
        const ChosenActivation chosen = chosen_activation(activations[l]);
        if (row_of(chosen).rowwise && l + 1 < activations.size())
            throw std::invalid_argument("activation '" + activations[l] + "' of layer " + std::to_string(l) +
                                        " is an output unit: only the last layer can have it");
        if (row_of(chosen).learned && l + 1 == activations.size())
            throw std::invalid_argument("activation '" + activations[l] + "' of layer " + std::to_string(l) +
                                        " learns its constants: only hidden layers can have it");
        if (chosen.pieces > 1 && l + 1 == activations.size())
            throw std::invalid_argument("activation '" + activations[l] + "' of layer " + std::to_string(l) + " is for hidden layers only");
        spec.activations.push_back(chosen);
        spec.extras.push_back(learned(chosen, sizes[l + 1]));
        if (!structure.masked.empty() && structure.masked[l])
            spec.extras.back().push_back(mask(sizes[l], spec.columns(static_cast<int64_t>(l))));
    }
    require_heads(spec);
    require_ties(spec);
    add_structured_layers(spec);
    spec.parameter_count();  // throws where it exceeds 64 bits
    return spec;
}

}  // namespace fastmlp
