// Dropout (N. Srivastava et al., JMLR 15, 2014; LECTURES A10): in each step a random part of the inputs and of the hidden units is left
// out, and what stays is divided by its share, so that prediction needs no change; that part may rise from zero (the schedules of
// math/dropout_schedules.h). Units are drawn by (seed, layer, step, place in
// the epoch's order): the same for any number of threads.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/kernel_table.h"
#include "math/dropout_schedules.h"
#include "network/parameters.h"

namespace fastmlp {

template <class T>
struct Chunk;
struct Range;

struct DropoutChoices {
    std::vector<double> rates{};  // [l], the share of y[l] that is left out, 0 or more and below 1; empty: nothing is
    int schedule = 0;             // of dropout_schedules
    double total = 1;             // steps that it is spread over

    bool any() const {
        return std::any_of(rates.begin(), rates.end(), [](double rate) { return rate > 0; });
    }
};

// Of the units of y[l], which is what layer l reads.
template <class T>
struct DroppedUnits {
    uint32_t threshold = 0;  // a unit stays with probability threshold / 2^16; 0: all stay
    T scale = 1;             // 2^16 / threshold
    uint8_t* mask = nullptr;
    int64_t mask_row = 0;
    T* whole = nullptr;  // y[l] before units were dropped, for its slope; not of the inputs

    explicit operator bool() const { return threshold != 0; }
};

template <class T>
struct Dropout {
    std::vector<DroppedUnits<T>> of;  // [l]; empty where nothing is dropped
    uint64_t seed = 0;

    void take(Arena& in, const Parameters<T>& parameters, const DropoutChoices& choices, int64_t rows);
    explicit operator bool() const { return !of.empty(); }

    // Finds the shares of the step that follows `taken` others. By one, while nobody draws.
    void set_step(int64_t taken);

private:
    DropoutChoices choices_;
};

// Draws all masks of the member's samples and drops their inputs. As all of these, returns by how much the largest magnitude may have
// grown.
template <class T>
T drop_inputs(const Chunk<T>& chunk, T* x);

// A finished rectangle of y[l].
template <class T>
T drop_outputs(const Chunk<T>& chunk, int64_t l, const Range& samples, const Range& units, T* y, int64_t y_row);

// The same, where the caller has kept what it was.
template <class T>
T drop_tile(const Chunk<T>& chunk, int64_t l, const Range& samples, const Range& units, T* y, int64_t y_row);

// A finished rectangle of delta[l - 1], dL/dz of the units of y[l], and its transpose (null: no layer below needs it).
template <class T>
T drop_delta(const Chunk<T>& chunk, int64_t l, const Range& samples, const Range& units, T* delta, T* delta_t);

}  // namespace fastmlp
