// What is told to the kernels that draw: dropout and changes of pictures. A number is a function of its place (random/philox.h).
#pragma once

#include <cstdint>

namespace fastmlp {

// What random/philox.h calls a stream: the seed, and the third and fourth word of the counter.
struct PhiloxArguments {
    uint64_t seed;
    uint32_t stream, step;
};

// A bit for each unit of some samples: set with probability threshold / 2^16, a function of (stream, sample, unit).
struct DropMaskArguments {
    PhiloxArguments stream;
    uint32_t threshold;
    uint32_t first_row;  // number of the first sample
    int64_t rows;
    uint8_t* mask;  // (rows x mask_row bytes), the first unit in the lowest bit; mask_row a multiple of 16. Two bytes more are read
    int64_t mask_row;
};

// x = set ? x * scale : 0, in place.
template <class T>
struct DropArguments {
    int64_t rows, columns;
    T* x;
    int64_t x_row;
    T* whole;             // a copy of x as it was, ld = x_row; may be null
    const uint8_t* mask;  // of the first row
    int64_t mask_row;
    int64_t first_column;  // the unit of x's first column
    T scale;
};

// x += deviation * N(0, 1), element by element: a function of (stream, sample, column).
template <class T>
struct NoiseArguments {
    PhiloxArguments stream;
    uint32_t first_row;  // number of the first sample
    int64_t rows, columns;
    T* x;
    int64_t x_row;
    T deviation;
};
constexpr double largest_noise = 6;  // no draw lies farther out: sqrt(-2 log 2^-25) is 5.9

// A picture seen through a map: to(r, c) = from(m[0] r + m[1] c + m[2] + down(r, c), m[3] r + m[4] c + m[5] + right(r, c)), between
// pixels in proportion, outside zero.
template <class T>
struct WarpArguments {
    int64_t height, width;
    const T* from;  // ((height + 3) x (width + 3)): one row and column of zeros before the picture, two behind it
    T* to;          // (height x width)
    float map[6];
    const float *down, *right;  // (height x width); both null: zero
};

// A field (height x width) of values uniform in (-1, 1), smoothed along both axes, times `scale`.
struct FieldArguments {
    PhiloxArguments stream;
    uint32_t sample;
    int64_t height, width;
    const float* taps;  // (2 radius + 1)
    int64_t radius;
    float scale;
    float* field;    // rounded up to 64 values
    float* scratch;  // (height x width), and a row of width + 2 radius
};

}  // namespace fastmlp
