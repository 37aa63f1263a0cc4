// What a network is, before any number: widths, activations, and the rules they must keep.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "network/activation.h"
#include "network/structure.h"

namespace fastmlp {

// A tensor of parameters that a layer has beside W and b.
struct ExtraTensor {
    std::string name;       // in model files layer.L.name
    int64_t rows, columns;  // 0 rows: a vector
    double initial;         // what it is filled with
    bool trained;           // else it is kept and saved, but neither updated nor averaged
    bool penalised;         // l1, l2 and weight decay are for it too
    bool given = false;     // by the caller: drawing first weights leaves it as it is

    int64_t lines() const { return rows ? rows : 1; }
};

struct Spec {
    std::vector<int64_t> sizes;                 // in, hidden ..., out
    std::vector<ChosenActivation> activations;  // one a layer; the last is the output unit
    Structure structure{};
    std::vector<std::vector<ExtraTensor>> extras{};  // of each layer

    int64_t layers() const { return static_cast<int64_t>(sizes.size()) - 1; }
    int64_t inputs() const { return sizes.front(); }
    int64_t outputs() const { return sizes.back(); }
    int64_t columns(int64_t l) const;  // of the layer's W: its units, each with all its pieces
    int output_unit() const { return activations.back().id; }
    int64_t parameter_count() const;  // those that are trained
    bool is_plain() const;            // each layer is f(x W + b), without parameters of another kind
};

// The position of `name` in a catalog's names; throws std::invalid_argument listing the choices.
int id_of(const std::string& name, const char* const* names, int count, const std::string& what);
int loss_id(const std::string& name);
bool is_rowwise(int activation);
bool keeps_slope(int activation);
bool fits(int loss, int output_unit);  // a fused loss belongs to one output unit

// Throws std::invalid_argument naming the layer and the rule.
Spec make_spec(const std::vector<int64_t>& sizes, const std::vector<std::string>& activations, const Structure& structure = {});

}  // namespace fastmlp
