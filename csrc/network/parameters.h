// The numbers of a network: a weight matrix and a bias a layer, and what few layers have beside them, in one block of memory.
#pragma once

#include <memory>
#include <vector>

#include "network/layer_structure.h"
#include "network/spec.h"
#include "runtime/arena.h"

namespace fastmlp {

// Columns padded to whole lines. From 8 lines on the number of lines is made odd: with a power of two, the rows of a tile would
// fall into the same few sets of the cache.
template <class T>
int64_t padded(int64_t columns) {
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    int64_t lines = (columns + line - 1) / line;
    if (lines >= 8) lines |= 1;
    return lines * line;
}

template <class T>
struct Extra {
    ExtraTensor about;
    T* values;  // (rows x columns), ld = row; a vector is one row
    int64_t row;

    int64_t size() const { return about.lines() * row; }
};

template <class T>
struct Layer {
    int64_t in, out;
    int activation;
    T* weight;  // (in x out), ld = weight_row; padding columns are zero
    int64_t weight_row;
    T* bias;                                     // (out), padded
    std::array<T, largest_constants> constants;  // of the activation
    std::vector<Extra<T>> extras;                // in the order of the spec
    LayerStructure<T> structure;
    const T* mask = nullptr;  // (in x out), ld = weight_row: where W stays zero; null: W is whole

    bool learns;             // its activation's constants: they are the first extras
    int64_t owner{};         // the layer whose W and b these are; mostly this one
    int64_t weight_owner{};  // the layer whose W, maybe transposed, this is: its gradients are summed

    // Of the activation, for kernels that begin at this unit.
    const T* constants_from(int64_t unit) const { return learns ? extras[0].values + unit : constants.data(); }
};

// A range of the last layer's columns with an output unit of its own.
template <class T>
struct HeadOutput {
    int64_t begin, units;
    int unit;                                    // an activation
    std::array<T, largest_constants> constants;  // of the unit
};

template <class T>
struct SparseLayers;

template <class T>
class Parameters {
public:
    explicit Parameters(const Spec& spec);  // zeros; extras as they begin
    ~Parameters();
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;

    const Layer<T>& operator[](int64_t l) const { return layers_[static_cast<std::size_t>(l)]; }
    int64_t layers() const { return static_cast<int64_t>(layers_.size()); }
    bool owns(int64_t l) const { return (*this)[l].owner == l; }  // its W and b, which a layer below may have
    // Its own W, which is the transpose of another's: the same numbers at all times.
    bool transposes(int64_t l) const { return owns(l) && (*this)[l].weight_owner != l; }
    void fill_transposes();                                             // from their owners
    const std::vector<HeadOutput<T>>& heads() const { return heads_; }  // empty: the last layer has the output unit
    T largest_magnitude() const;
    bool ties() const {
        for (int64_t l = 0; l < layers(); ++l)
            if ((*this)[l].weight_owner != l) return true;
        return false;
    }
    void fill_extras();                                 // as they begin, but what the caller gives
    bool is_structured() const { return structured_; }  // some layer is

    const bool plain;  // as the spec says

    // To be called when weights were changed by anything but a step: prediction leaves out their zeros, where that is faster.
    void find_zeros();
    void forget_zeros();                            // prediction reads W again
    std::unique_ptr<const SparseLayers<T>> sparse;  // null: prediction reads W

private:
    std::vector<Layer<T>> layers_;
    std::vector<HeadOutput<T>> heads_;
    bool structured_ = false;
    Arena memory_;
};

}  // namespace fastmlp
