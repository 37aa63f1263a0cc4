// Data augmentation: each time a picture is used it is shifted, turned, scaled and bent a little, by chance. The changes are drawn by
// (seed, step, place in the epoch's order), so they are the same for any number of threads and for a training that is resumed.
// Elastic deformation: P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural networks", ICDAR 2003.
#pragma once

#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/arena.h"

namespace fastmlp {

template <class T>
struct Chunk;

// Each change is uniform between minus and plus what is given; 0: none.
struct AugmentOptions {
    int64_t height = 0, width = 0;
    double shift = 0;       // pixels, along both axes by themselves
    double rotation = 0;    // degrees
    double scale = 0;       // share by which a picture grows or shrinks, below 1
    double elastic = 0;     // pixels: what the smoothed field is multiplied by
    double smoothness = 4;  // pixels: standard deviation of the Gaussian that smooths the field

    bool any() const { return shift != 0 || rotation != 0 || scale != 0 || elastic != 0; }
};

// Throws std::invalid_argument naming the value and its range.
void require_valid(const AugmentOptions& options, int64_t features);

template <class T>
class Augmentation {
public:
    // members: of the largest team.
    void take(Arena& in, const AugmentOptions& options, int members);
    explicit operator bool() const { return !own_.empty(); }

    // x[samples] = the member's samples as gather would give them, changed. Returns the largest magnitude.
    T gather(const Chunk<T>& chunk, T* x) const;

    // The same of one sample, at `place` of the epoch's order.
    T gather_sample(const Chunk<T>& chunk, int64_t place, T* to) const;

    uint64_t seed = 0;

private:
    struct Own {
        T *raw, *framed, *seen;         // a picture as it came, with a frame of zeros, and as it is seen
        float *down, *right, *scratch;  // fields
    };
    void change(const Chunk<T>& chunk, uint32_t sample, const Own& own) const;

    AugmentOptions options_;
    std::vector<float> taps_;
    std::vector<Own> own_;
};

}  // namespace fastmlp
