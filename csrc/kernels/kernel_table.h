// The waist of the engine: all that an instruction set changes. Below, kernels.cpp and pairs.cpp fill one table each per instruction
// set from the same source; above, nobody asks which CPU this is. Matrices are row-major with a leading dimension (ld) in elements.
//
// Padding that every caller keeps: rows start on a 64-byte line and ld is a multiple of one, so a kernel may read, and where it
// says so write, whole vectors past the last column. Padding columns of W and of deltas hold zero.
#pragma once

#include <cstdint>

#include "kernels/chance.h"
#include "kernels/structured.h"
#include "math/bf16.h"
#include "math/catalog.h"

namespace fastmlp {

constexpr int64_t line_bytes = 64;
constexpr int largest_tile_rows = 14;
constexpr int largest_tile_vectors = 2;
constexpr int largest_lanes = 16;

// C(rows x vectors*lanes) = [C +] A B: each element is one chain of fma over k, in ascending order.
// a(i, p) = a[i * a_row + p * a_step], b row p starts at b + p * b_row. Whole vectors of C are written.
template <class T>
struct TileArguments {
    int64_t k;
    const T* a;
    int64_t a_row, a_step;
    const T* b;
    int64_t b_row;
    Sum<T>* c;
    int64_t c_row;
    bool accumulate;  // continue the chain from what C holds
};
template <class T>
using Tile = void (*)(const TileArguments<T>&);

// Which of A's strides is 1: rows of a row-major A (forward, backward), or its columns (weight gradient).
enum class Walk { along_rows, along_columns };

// What a blocked product needs.
template <class T>
struct TileTable {
    int lanes;      // of a vector of sums
    int tile_rows;  // the largest tile; every smaller one exists
    int tile_vectors;
    Tile<T> tile[2][largest_tile_vectors][largest_tile_rows];  // [Walk][vectors - 1][rows - 1]

    // B's panel (k x columns), any strides, to rows of whole vectors padded with zeros
    void (*pack)(int64_t k, int64_t columns, const T* b, int64_t b_row, int64_t b_column, T* packed, int64_t packed_row);
};

// A matrix that is mostly zeros, as one list a row (or a column) of what is not, in ascending order. Where the elements of each
// skip_block of k begin is kept beside it, so that a product can go block by block through the caches.
constexpr int64_t skip_block = 64;
constexpr int largest_skipping_vectors = 8;

// Lists of the rows, or of the columns, of x.
template <class T>
struct CompressArguments {
    int64_t rows, columns;
    const T* x;
    int64_t x_row;
    T* values;  // list i begins at i * list_row; one vector more than the longest list is written
    int32_t* places;
    int64_t list_row;
    int32_t* begins;  // begins[block * begins_row + i]: where the block begins in list i; one row more holds the ends
    int64_t begins_row;
};

// C (rows x vectors*lanes) = [C +] A B, A as lists, from their elements begins[i] to ends[i] - 1.
template <class T>
struct SkippingArguments {
    int64_t rows;
    const int32_t *begins, *ends;
    const T* values;
    const int32_t* places;
    int64_t list_row;
    const T* b;
    int64_t b_row;
    T* c;
    int64_t c_row;
    bool accumulate;
};

// The columns of x that are not zero in every row, close together.
template <class T>
struct CompactArguments {
    int64_t rows, columns;
    const T* x;
    int64_t x_row;
    T* kept;  // (rows x kept columns), ld = kept_row: a vector more than that is written
    int64_t kept_row;
    int32_t* places;  // which columns they are, in ascending order; a vector more is written
};

// Rows picked by index from the caller's data, converted and scaled: x -> (x - shift) * scale, in the wider of both types.
struct GatherArguments {
    const void* source;
    int64_t source_row;    // bytes from one sample to the next
    const int64_t* index;  // which samples; null: 0, 1, 2, ...
    int64_t rows, columns;
    const double* shift;  // (columns), null: no scaling
    const double* scale;
    const float* shift32;  // the same as float, for sources and rows that are no wider; may be null
    const float* scale32;
};
enum class SourceType { uint8, float32, float64 };
constexpr int source_types = 3;

// y = activation(y + bias) over (rows x columns): a bias a column, or, where samples stand in the lanes, a row.
template <class T>
struct ActivationArguments {
    int64_t rows, columns;
    T* y;
    int64_t y_row;
    const T* bias;       // null: zeros
    const T* constants;  // of the activation, in the order of its struct; one that is learned has one for each bias
    T* slope;            // (rows x columns), ld = slope_row: f'(z), for activations that keep it; null: not wanted
    int64_t slope_row;
    T* by_constant = nullptr;  // as slope: dy/dc of the constant c that is learned; wanted where slope is
};
template <class T>
using ActivationKernel = T (*)(const ActivationArguments<T>&);

// One group of at most `lanes` samples at the end of the network (rows.h tells the steps).
template <class T>
struct LossArguments {
    const T* z;  // (samples x outputs), ld z_row: before the output unit; null: delta_t holds its transpose
    int64_t z_row;
    int64_t samples, outputs;
    const int64_t* labels;  // class indices of all samples of the data set, or null
    const T* targets;       // or values (samples of the data set x outputs), ld = target_row
    int64_t target_row;
    const int64_t* index;  // (samples): which samples of the data set; null: the first ones
    T* delta;              // (samples x outputs), ld = delta_row: dL/dz; may be null (evaluation)
    int64_t delta_row;
    T* delta_t;  // (outputs x lanes), ld = delta_t_row: the same transposed, and scratch
    int64_t delta_t_row;
    T* scratch;                // (3 x outputs x lanes)
    T* losses;                 // (samples): out, the loss of each
    int64_t* correct;          // += samples whose largest output is their largest target (one output: same side of one half)
    ActivationKernel<T> unit;  // the output unit's bias_activation_columns, if it keeps its slope
    const T* unit_constants;
    const T* constants;  // of the loss; one for each output where it says so
    const T* weights;    // of all samples of the data set; only weigh() looks at them
};
template <class T>
using LossKernel = T (*)(const LossArguments<T>&);

// A tile of parameters. `below`: how many rows of the same columns the caller updates next, so that they may be fetched meanwhile.
template <class T>
struct UpdateArguments {
    const T* gradient;  // (rows x columns), ld = gradient_row: sum over the batch
    int64_t gradient_row;
    T* weight;                 // ld = weight_row
    T* state[largest_states];  // the same shape as weight; as many as the kernel is for
    int64_t weight_row;
    int64_t rows, columns;
    int64_t below;    // rows of the same columns that are updated afterwards
    T share;          // 1 / batch, or less where the norm of the gradient is clipped
    T limit;          // of the gradient's magnitude; only kernels that clip look at it
    const T* scalar;  // what the optimizer's `prepare` made
};

// A tile of the gradient, as TileArguments say but not stored, goes into the update at once; gradient, rows and columns are unused.
template <class T>
using UpdateTile = T (*)(const TileArguments<T>&, const UpdateArguments<T>&);

// A few rows, and where at least one of them is not zero, in ascending order.
constexpr int largest_few_rows = 4;
constexpr int few_rows_ahead = 4;  // rows of B prefetched: indices so far past the last are read
template <class T>
struct FewRows {
    int64_t rows;
    const T* x;  // (rows x elements), ld = x_row
    int64_t x_row;
    int32_t* index;  // (count), with room for few_rows_room(elements)
    int64_t count;
};
// delta (rows x features) = (delta_above (rows x outputs) W^T) * slope(y), W (features x outputs). Here and in all that goes back, y is
// the slope itself for activations that keep it.
template <class T>
struct FewRowsBack {
    int64_t rows, features, outputs;
    const T* delta_above;
    int64_t above_row;
    const T* weight;
    int64_t weight_row;
    const T* y;
    T* delta;
    int64_t row;  // of y and of delta
};
inline int64_t few_rows_room(int64_t elements) { return elements + largest_lanes + few_rows_ahead; }

// Functions of one variable, for tests of their error bounds.
enum class Function { exp, log, log1p, sigmoid, tanh, sqrt, expm1_of_negative, normal_cdf };
constexpr int functions = 8;

// Operations whose rate in registers is the roof under which all kernels work.
enum class Operation { fma };
constexpr int operations = 1;
// Two units of latency 5 are busy from 10 independent chains on; with both operands, 12 still fit the 16 registers of AVX2.
constexpr int peak_chains = 12;

// Kernels that return T return the largest magnitude they wrote, and infinity where one was infinite or NaN.
template <class T>
struct KernelTable : TileTable<T> {
    void (*compress_rows)(const CompressArguments<T>&);
    void (*compress_columns)(const CompressArguments<T>&);
    void (*skipping_tile[largest_skipping_vectors])(const SkippingArguments<T>&);  // [vectors - 1]

    int64_t (*compact)(const CompactArguments<T>&);  // returns how many columns are kept
    // Whole vectors of some rows: to[to_place[i]] = from[from_place[i]], ld = row; null: i
    void (*copy_rows)(int64_t rows, int64_t columns, const T* from, const int32_t* from_place, T* to, const int32_t* to_place, int64_t row);

    ActivationKernel<T> bias_activation[Activations::size];

    // delta (columns of a batch x rows of features) = transpose(tile) * slope(y); its transpose to delta_t unless null
    T (*backward[Activations::size])(int64_t features, int64_t samples, const T* tile, int64_t tile_row, const T* y, int64_t y_row,
                                     T* delta, int64_t delta_row, T* delta_t, int64_t delta_t_row);

    // The same where samples stand in the lanes (columns.h): bias a row; delta_t changes in place, delta is its transpose
    ActivationKernel<T> bias_activation_columns[Activations::size];
    T (*backward_columns[Activations::size])(int64_t features, int64_t samples, T* delta_t, int64_t delta_t_row, const T* y, int64_t y_row,
                                             T* delta, int64_t delta_row);

    void (*warp)(const WarpArguments<T>&);
    void (*random_field)(const FieldArguments&);
    void (*add_noise)(const NoiseArguments<T>&);
    void (*drop_mask)(const DropMaskArguments&);
    void (*drop)(const DropArguments<T>&);                                // whole vectors
    void (*drop_back)(const DropArguments<T>&, T* x_t, int64_t x_t_row);  // and the transpose of what x becomes, unless null

    LossKernel<T> loss[Losses::size][2][Activations::size];  // [1]: smoothed targets; null: the pair does not fit
    LossKernel<T> given_gradient[Activations::size];         // the targets are dL/dy, the losses 0
    LossKernel<T> weigh;                                     // goes over what a loss kernel wrote; delta may be null for that one
    // y = softmax(y) over rows, in place; scratch (columns x lanes)
    void (*softmax)(int64_t rows, int64_t columns, T* y, int64_t y_row, T* scratch);

    // For a few rows: index and count from their elements, and y(rows x columns, in whole vectors) = rows B.
    T (*find_nonzero)(int64_t elements, FewRows<T>& of);
    void (*few_rows_product)(const FewRows<T>& of, const T* b, int64_t b_row, int64_t columns, T* y, int64_t y_row);
    void (*softmax_row)(int64_t columns, T* y);  // of finite values
    T (*few_rows_backward[Activations::size])(const FewRowsBack<T>&);
    // The rows of W at x.index; form 0, without states. `columns` of the arguments counts, `rows` and `gradient` do not
    T (*few_rows_update[Optimizers::size])(const FewRows<T>& x, const T* delta, int64_t delta_row, const UpdateArguments<T>&);

    // w's columns no longer than `limit`: those that are longer are scaled
    void (*limit_columns)(int64_t rows, int64_t columns, T* w, int64_t w_row, T limit);
    // sums += the columns' sums, one chain over the rows in ascending order
    void (*column_sums)(int64_t rows, int64_t columns, const T* x, int64_t x_row, T* sums);
    // average += share (x - average), both with ld = row
    void (*average)(int64_t rows, int64_t columns, T share, const T* x, T* average, int64_t row);
    StructuredKernels<T> structured;
    T (*update[Optimizers::size][largest_forms][2])(const UpdateArguments<T>&);            // by its form, and whether it clips
    UpdateTile<T> update_tile[Optimizers::size][largest_tile_vectors][largest_tile_rows];  // as `tile`, along columns; form 0
    T (*gather[source_types])(const GatherArguments&, T* rows, int64_t row);
    T (*gather_columns[source_types])(const GatherArguments&, T* columns, int64_t column);
    void (*map[functions])(int64_t n, const T* x, T* y);

    // Every chain (each a register; here its start, then its end) `rounds` times: chain <- chain * factor + addend. Returns the
    // floating-point operations done; null: this instruction set has none. A dot product adds several products at a time.
    double (*peak[operations])(int64_t rounds, T factor, T addend, T* chains);
};

struct Kernels {
    const char* name;
    bool fused_multiply_add;  // false: results may differ in the last bits from all others
    KernelTable<float> f32;
    KernelTable<double> f64;
};

// x (rows x columns) rounded to pairs of bf16 factors (math/bf16.h). Exactly the pairs that exist are written; an odd last element is
// paired with zero.
struct RoundArguments {
    int64_t rows, columns;
    const float* x;
    int64_t x_row;
    Pair* along;  // (rows x columns/2): x(i, 2j) with x(i, 2j + 1); may be null
    int64_t along_row;
    Pair* down;  // (rows/2 x columns): x(2i, j) with x(2i + 1, j); may be null
    int64_t down_row;
};

// delta = transpose(tile) * slope(y), rounded, as two products want it: exactly the pairs that exist. The tile holds dL/dy of
// (features x samples), as the product W delta^T makes it, both from even numbers on; two vectors of a row are read.
struct PairBackwardArguments {
    int64_t features, samples;
    const float* tile;
    int64_t tile_row;
    const Pair* y;  // (samples/2 x features), as round() wrote it down
    int64_t y_row;
    Pair* delta;  // (samples/2 x features): for the weight gradient
    int64_t delta_row;
    Pair* delta_t;  // (features/2 x samples): for the layer below; may be null
    int64_t delta_t_row;
};

// Products of bf16 factors.
struct PairKernels : TileTable<Pair> {
    const char* name;
    void (*round)(const RoundArguments&);
    float (*backward[Activations::size])(const PairBackwardArguments&);  // null: an output unit only
    // sums += the columns' sums over pairs that go down (rows/2 x columns), one chain over the rows in ascending order
    void (*column_sums)(int64_t rows, int64_t columns, const Pair* x, int64_t x_row, float* sums);
};

template <class T>
const KernelTable<T>& table(const Kernels& kernels);
template <>
inline const KernelTable<float>& table(const Kernels& kernels) {
    return kernels.f32;
}
template <>
inline const KernelTable<double>& table(const Kernels& kernels) {
    return kernels.f64;
}

}  // namespace fastmlp
