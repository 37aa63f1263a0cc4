// Functions of one double that schedules need, from + - * / alone: the same bits wherever there is IEEE arithmetic, which the C library
// does not promise. Errors are below 4e-16, relative for exp2 and absolute for the others, but where said.
#pragma once

#include <cstdint>

#include "math/inline.h"

namespace fastmlp {

// x >= 0, below 2^63
FASTMLP_INLINE double floor_of(double x) { return static_cast<double>(static_cast<int64_t>(x)); }

// cos(pi x) for 0 <= x <= 2: of a quarter turn at most, by Taylor's series of cosine or sine.
FASTMLP_INLINE double cos_pi(double x) {
    constexpr double pi = 3.14159265358979323846;
    if (x > 1) x = 2 - x;
    const double sign = x > 0.5 ? -1 : 1;
    if (x > 0.5) x = 1 - x;
    const bool of_sine = x > 0.25;
    const double r = pi * (of_sine ? 0.5 - x : x);
    double sum = 1;
    for (int k = of_sine ? 21 : 20; k >= 2; k -= 2) sum = 1 - sum * (r * r) / (k * (k - 1));
    return sign * (of_sine ? r * sum : sum);
}

// x > 0 and normal. x = 2^e m with m between the roots of 1/2 and 2; log m = 2 atanh((m - 1) / (m + 1)). The error of a large
// logarithm is relative.
FASTMLP_INLINE double log2_of(double x) {
    constexpr double two_over_log_2 = 2.88539008177792681472;
    int64_t bits;
    __builtin_memcpy(&bits, &x, sizeof(bits));
    constexpr int64_t root_of_half = 0x3fe6a09e667f3bcd;
    const int64_t e = (bits - root_of_half) >> 52;
    bits -= e * (int64_t{1} << 52);
    double m;
    __builtin_memcpy(&m, &bits, sizeof(m));
    const double s = (m - 1) / (m + 1), z = s * s;
    double sum = 0;
    for (int k = 25; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
    return static_cast<double>(e) + two_over_log_2 * s * sum;
}

// 2^y for y <= 0; 0 below the normal numbers. By Taylor's series of the part that is left of y beside a whole number.
FASTMLP_INLINE double exp2_of(double y) {
    constexpr double log_2 = 0.69314718055994530942;
    if (!(y > -1022)) return 0;
    const double n = -floor_of(0.5 - y), r = (y - n) * log_2;
    double sum = 1;
    for (int k = 16; k >= 1; --k) sum = 1 + sum * r / k;
    const int64_t bits = (static_cast<int64_t>(n) + 1023) << 52;
    double scale;
    __builtin_memcpy(&scale, &bits, sizeof(scale));
    return sum * scale;
}

// base^exponent for 0 <= base <= 1 and exponent >= 0. The relative error is below 4e-16 (2 - log2 of the result).
FASTMLP_INLINE double power(double base, double exponent) {
    if (exponent == 0 || base == 1) return 1;
    return base > 0 ? exp2_of(exponent * log2_of(base)) : 0;
}

}  // namespace fastmlp
