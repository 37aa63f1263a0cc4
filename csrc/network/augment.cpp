#include "network/augment.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "network/chunk.h"
#include "random/philox.h"

namespace fastmlp {
namespace {

constexpr double reach = 3;  // standard deviations of the Gaussian that count
constexpr double largest_smoothness = 100;

// e^-x for 0 <= x <= 100 and the sine and cosine of an angle, by a series near 0 and squaring: only + - *, which are the same everywhere.
constexpr int halvings = 12;

double decay(double x) {
    const double small = x / (1 << halvings);
    double y = 1 - small * (1 - small / 2 * (1 - small / 3 * (1 - small / 4)));
    for (int i = 0; i < halvings; ++i) y *= y;
    return y;
}

struct Turn {
    double cosine, sine;
};
Turn turn(double degrees) {
    const double x = degrees * (3.14159265358979323846 / 180) / (1 << halvings), z = x * x;
    Turn t{1 - z / 2 * (1 - z / 12 * (1 - z / 30)), x * (1 - z / 6 * (1 - z / 20))};
    for (int i = 0; i < halvings; ++i) t = {t.cosine * t.cosine - t.sine * t.sine, 2 * t.sine * t.cosine};
    return t;
}

std::vector<float> gaussian(double deviation) {
    const int radius = std::max(1, static_cast<int>(std::ceil(reach * deviation)));
    std::vector<double> exact;
    double sum = 0;
    for (int k = -radius; k <= radius; ++k) {
        exact.push_back(decay(k * k / (2 * deviation * deviation)));
        sum += exact.back();
    }
    std::vector<float> taps;
    for (const double tap : exact) taps.push_back(static_cast<float>(tap / sum));
    return taps;
}

// Uniform in (-1, 1)
double symmetric(uint32_t word) { return (static_cast<double>(static_cast<int32_t>(word)) + 0.5) * 0x1p-31; }

PhiloxArguments stream_of(uint64_t seed, uint32_t layer, int64_t step) {
    return {seed, static_cast<uint32_t>(Purpose::augmentation) << 24 | layer, static_cast<uint32_t>(step)};
}

void require(bool fits, const char* name, double value, const char* range) {
    if (!fits) throw std::invalid_argument(std::string(name) + " = " + std::to_string(value) + " is not " + range);
}

}  // namespace

void require_valid(const AugmentOptions& options, int64_t features) {
    if (!options.any()) return;
    const bool pictures = options.height > 0 && options.width > 0 && options.height <= features && options.width <= features &&
                          options.height * options.width == features;
    if (!pictures)
        throw std::invalid_argument("augmentation needs pictures of " + std::to_string(features) + " pixels; got height " +
                                    std::to_string(options.height) + " and width " + std::to_string(options.width));
    const double size = static_cast<double>(std::max(options.height, options.width));
    require(options.shift >= 0 && options.shift <= size, "shift", options.shift, "between 0 and the size of the pictures");
    require(options.rotation >= 0 && options.rotation <= 180, "rotation", options.rotation, "between 0 and 180 degrees");
    require(options.scale >= 0 && options.scale < 1, "scale", options.scale, "a share of 0 or more and below 1");
    require(options.elastic >= 0 && options.elastic <= 1e6, "elastic", options.elastic, "between 0 and 1e6 pixels");
    require(options.smoothness >= 0.1 && options.smoothness <= largest_smoothness, "smoothness", options.smoothness,
            "between 0.1 and 100 pixels");
}

template <class T>
void Augmentation<T>::take(Arena& in, const AugmentOptions& options, int members) {
    options_ = options;
    if (!options.any()) return;
    own_.resize(static_cast<std::size_t>(members));
    taps_ = gaussian(options.smoothness);
    const int64_t pixels = checked_product(options.height, options.width);
    const int64_t framed = checked_product(options.height + 3, options.width + 3);
    const int64_t field = options.elastic > 0 ? pixels + 64 : 0;
    for (Own& own : own_) {
        own.raw = in.take<T>(pixels + largest_lanes);
        own.seen = in.take<T>(pixels + largest_lanes);
        own.framed = in.take<T>(framed);
        own.down = in.take<float>(field);
        own.right = in.take<float>(field);
        own.scratch = in.take<float>(field > 0 ? pixels + options.width + static_cast<int64_t>(taps_.size()) : 0);
    }
}

// The map goes from the picture that is seen back to the one that came: about the centre, turned and scaled, then shifted.
template <class T>
void Augmentation<T>::change(const Chunk<T>& c, uint32_t sample, const Own& own) const {
    const int64_t step = c.plan.optimizer.steps, height = options_.height, width = options_.width;
    const PhiloxArguments drawn = stream_of(seed, 0, step);
    const Stream stream{seed, Purpose::augmentation, 0, drawn.step};
    const auto first = philox(stream, sample, 0), second = philox(stream, sample, 1);
    const auto [cosine, sine] = turn(options_.rotation * symmetric(first[0]));
    const double zoom = 1 / (1 + options_.scale * symmetric(first[1]));
    const double middle_y = static_cast<double>(height - 1) / 2, middle_x = static_cast<double>(width - 1) / 2;
    const double a = zoom * cosine, b = zoom * sine;
    const double down = options_.shift * symmetric(first[2]), right = options_.shift * symmetric(second[0]);
    WarpArguments<T> warp{height, width, own.framed, own.seen, {}, nullptr, nullptr};
    const double map[6] = {a, b, middle_y - a * middle_y - b * middle_x + down, -b, a, middle_x + b * middle_y - a * middle_x + right};
    std::transform(map, map + 6, warp.map, [](double value) { return static_cast<float>(value); });
    if (options_.elastic > 0) {
        const auto radius = static_cast<int64_t>(taps_.size() / 2);
        const auto elastic = static_cast<float>(options_.elastic);
        float* const fields[] = {own.down, own.right};
        for (uint32_t axis = 0; axis < 2; ++axis)
            c.kernels.random_field(
                {stream_of(seed, 1 + axis, step), sample, height, width, taps_.data(), radius, elastic, fields[axis], own.scratch});
        warp.down = own.down;
        warp.right = own.right;
    }
    for (int64_t r = 0; r < height; ++r) std::copy_n(own.raw + r * width, width, own.framed + (r + 1) * (width + 3) + 1);
    c.kernels.warp(warp);
}

template <class T>
T Augmentation<T>::gather_sample(const Chunk<T>& c, int64_t place, T* to) const {
    const Own& own = own_[static_cast<std::size_t>(c.member.index)];
    const Inputs& inputs = c.context.inputs;
    const int64_t features = c.parameters[0].in;
    Inputs unscaled = inputs;
    unscaled.shift = unscaled.scale = nullptr;
    unscaled.shift32 = unscaled.scale32 = nullptr;
    GatherArguments scaled = samples_of(inputs, nullptr, 0, 1, features);
    scaled.source = own.seen;
    constexpr auto same = static_cast<int>(sizeof(T) == 4 ? SourceType::float32 : SourceType::float64);
    c.kernels.gather[static_cast<int>(inputs.type)](samples_of(unscaled, c.order, place, 1, features), own.raw, features);
    change(c, static_cast<uint32_t>(place), own);
    return c.kernels.gather[same](scaled, to, features);
}

template <class T>
T Augmentation<T>::gather(const Chunk<T>& c, T* x) const {
    const Range mine = c.my_samples();
    T largest = 0;
    for (int64_t i = mine.begin; i < mine.end; ++i)
        largest = std::max(largest, gather_sample(c, c.first + i, x + i * c.plan.activity.row[0]));
    return largest;
}

template class Augmentation<float>;
template class Augmentation<double>;

}  // namespace fastmlp
