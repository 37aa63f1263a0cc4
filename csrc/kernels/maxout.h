// Maxout (I. Goodfellow et al., ICML 2013): a unit is the largest of its pieces. What is NaN stays NaN.
#pragma once

#include "kernels/kernel_table.h"
#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

// Of the units from z's column on.
template <class T>
FASTMLP_INLINE Vec<T> largest_piece(const MaxoutArguments<T>& of, const T* z, int count) {
    Vec<T> largest = load_partial(z, count);
    for (int64_t p = 1; p < of.pieces; ++p) {
        const Vec<T> piece = load_partial(z + p * of.units, count);
        largest = (piece > largest) | (piece != piece) ? piece : largest;
    }
    return largest;
}

template <class T>
FASTMLP_INLINE void mark_chosen(const MaxoutArguments<T>& of, int64_t place, Vec<T> largest, int count) {
    IntVec<T> open = ~IntVec<T>{};
    for (int64_t at = place, p = 0; p < of.pieces; ++p, at += of.units) {
        const IntVec<T> chosen = open & (load_partial(of.z + at, count) == largest);
        store_partial(of.chosen + at, chosen ? broadcast<T>(1) : Vec<T>{}, count);
        open = open & ~chosen;
    }
}

template <class T>
T maxout(const MaxoutArguments<T>& arguments) {
    const MaxoutArguments<T> of = arguments;
    Peak<T> peak;
    for (int64_t i = 0; i < of.rows; ++i) {
        for (int64_t j = 0; j < of.units; j += lanes<T>) {
            const int64_t place = i * of.row + j;
            const int count = static_cast<int>(of.units - j < lanes<T> ? of.units - j : lanes<T>);
            const Vec<T> largest = largest_piece<T>(of, of.z + place, count);
            if (of.chosen != nullptr) mark_chosen<T>(of, place, largest, count);
            store_partial(of.z + place, largest, count);
            peak.see(largest);
        }
    }
    return peak.value();
}

template <class T>
void maxout_back(const MaxoutArguments<T>& arguments) {
    const MaxoutArguments<T> of = arguments;
    for (int64_t i = 0; i < of.rows; ++i) {
        for (int64_t j = 0; j < of.units; j += lanes<T>) {
            const int count = static_cast<int>(of.units - j < lanes<T> ? of.units - j : lanes<T>);
            const Vec<T> d = load_partial(of.z + i * of.row + j, count);
            for (int64_t at = i * of.row + j, p = 0; p < of.pieces; ++p, at += of.units)
                store_partial(of.z + at, d * load_partial(of.chosen + at, count), count);
        }
    }
}

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
