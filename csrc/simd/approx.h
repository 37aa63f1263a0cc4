// exp, log, sigmoid, tanh, the normal distribution, ... over vectors: the same arithmetic on every instruction set, hence the same bits.
// Polynomials come from tools/fit_approximations.py; tests/test_approx.py holds the bounds below over dense sweeps,
// against float64 (float) and 40-digit arithmetic (double). NaN stays NaN; +-inf has its limit; exp underflows gradually.
//
//   largest error in ULP:   exp   log   log1p   sigmoid   tanh   expm1_of_negative   normal_cdf   (log: normal x > 0; log1p: x >= 0)
//   float                   1     1     1.5     2.5       2.5    1.5                 6.5
//   double                  1     1     1.5     2.5       2.5    1.5                 6.5
#pragma once

#include "simd/vec.h"

namespace fastmlp {
namespace FASTMLP_ISA {

template <class T>
struct ApproxConstants;

template <>
struct ApproxConstants<float> {
    static constexpr float exp_tail[] = {0.5f,
                                         0.16666666681614255706f,
                                         0.041666465006040048761f,
                                         0.0083333109344488684687f,
                                         0.001393364103198670115f,
                                         0.00019890980869750325563f};
    static constexpr float log_tail[] = {0.66666685039575855022f, 0.39988780566021981899f, 0.29579949391972784709f};
    static constexpr float normal_tail[] = {0.7552851304887489122f,      -0.60789665776365131377f,    0.38713738230090863322f,
                                            -0.18652130746121908182f,    0.060397293905870061317f,    -0.0075452681641871460159f,
                                            -0.0034880755300982533847f,  0.0016462956118648889409f,   0.00016935545827690642545f,
                                            -0.00023462176112985335791f, -0.000052645649784000009505f};
    static constexpr float ln2_high = 0.693115234375f;  // 13 bits: n * ln2_high is exact
    static constexpr float ln2_low = 0.00003194618494530941723212146f;
    static constexpr float log2_e = 1.4426950408889634074f;
    static constexpr float round_shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    static constexpr float exp_low = -104.0f;          // e^x rounds to 0 below
    static constexpr float exp_high = 88.73f;          // e^x overflows above
    static constexpr float tanh_one = 9.1f;            // tanh x rounds to 1 above
    static constexpr float normal_end = 14.5f;         // P(x > a) rounds to 0 above
    static constexpr int mantissa = 23;
    static constexpr int32_t bias = 127;
};

template <>
struct ApproxConstants<double> {
    static constexpr double exp_tail[] = {0.5,
                                          0.16666666666666670986,
                                          0.041666666666666669752,
                                          0.008333333333326140884,
                                          0.0013888888888883752417,
                                          0.00019841269874800491981,
                                          0.000024801587325533363819,
                                          2.7557255425746434282e-6,
                                          2.7557273661348636219e-7,
                                          2.5105206373957011116e-8,
                                          2.09146793765839351e-9};
    static constexpr double log_tail[] = {0.66666666666666696862, 0.3999999999989950449,  0.28571428625975484921, 0.22222211134795079855,
                                          0.1818288912526172208,  0.15331721600556041269, 0.1461644968504340586};
    static constexpr double normal_tail[] = {
        0.75528513041575149294,    -0.60789664197189208795,   0.38713740074221464682,    -0.18652185795965935536,
        0.060396574890930761317,   -0.0075401889666602004885, -0.003479692367265117899,  0.0016308184566236660671,
        0.00013334431090175782639, -0.0002310949274599999122, -1.9082478613761375104e-6, 0.000035144648837307337006,
        7.1661855753429421389e-7,  -5.9200597783480127658e-6, -6.2955534376840974021e-7, 1.0213323200813466784e-6,
        2.7152923189346927505e-7,  -1.5469299518573346051e-7, -8.5062130207120741545e-8, 1.3084160702927547382e-8,
        1.9354252944022821705e-8,  1.9900669024872006748e-9,  -2.4131363953029431258e-9, -7.3453845106020132434e-10,
        -1.7079133665341177463e-11};
    static constexpr double ln2_high = 0.6931471803691238164901733;  // 32 bits: n * ln2_high is exact
    static constexpr double ln2_low = 1.908214929270587816144266e-10;
    static constexpr double log2_e = 1.4426950408889634074;
    static constexpr double round_shift = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double exp_low = -746.0;
    static constexpr double exp_high = 709.79;
    static constexpr double tanh_one = 19.1;
    static constexpr double normal_end = 38.7;
    static constexpr int mantissa = 52;
    static constexpr int64_t bias = 1023;
};

// The functions that math/activations.h, losses.h and optimizers.h are written over.
template <class T>
struct Approx {
    using V = Vec<T>;
    using I = IntVec<T>;
    using C = ApproxConstants<T>;

    static FASTMLP_INLINE V number(double value) { return broadcast<T>(static_cast<T>(value)); }
    static FASTMLP_INLINE V absolute(V v) { return FASTMLP_ISA::absolute<T>(v); }
    static FASTMLP_INLINE V fma(V a, V b, V c) { return FASTMLP_ISA::fma(a, b, c); }
    static FASTMLP_INLINE V without_subnormals(V v) { return FASTMLP_ISA::without_subnormals<T>(v); }
    static FASTMLP_INLINE V sqrt(V v) { return FASTMLP_ISA::sqrt(v); }
    static FASTMLP_INLINE V with_sign_of(V magnitude, V v) { return FASTMLP_ISA::with_sign_of<T>(magnitude, v); }
    static FASTMLP_INLINE V with_sign_or_zero(V magnitude, V v) { return v == V{} ? V{} : FASTMLP_ISA::with_sign_of<T>(magnitude, v); }

    template <int count>
    static FASTMLP_INLINE V polynomial(const T (&coefficient)[count], V x) {
        V sum = broadcast<T>(coefficient[count - 1]);
        FASTMLP_UNROLL
        for (int i = count - 2; i >= 0; --i) sum = fma(sum, x, broadcast<T>(coefficient[i]));
        return sum;
    }

    // 2^n for n in the normal range
    static FASTMLP_INLINE V power_of_two(I n) { return from_bits<T>((n + broadcast_bits<T>(C::bias)) << C::mantissa); }

    // x = n ln2 + r with |r| <= ln2/2; returns e^r - 1 with its full relative precision.
    static FASTMLP_INLINE V reduced_expm1(V x, I& n) {
        const V shift = broadcast<T>(C::round_shift);
        const V shifted = fma(x, broadcast<T>(C::log2_e), shift);
        n = bits<T>(shifted) - bits<T>(shift);
        const V count = shifted - shift;
        V r = fma(count, broadcast<T>(-C::ln2_high), x);
        r = fma(count, broadcast<T>(-C::ln2_low), r);
        return fma(r * r, polynomial(C::exp_tail, r), r);
    }

    static FASTMLP_INLINE V exp(V x) {
        I n;
        const V clamped = at_least(at_most(x, broadcast<T>(C::exp_high)), broadcast<T>(C::exp_low));
        const V power = reduced_expm1(clamped, n) + broadcast<T>(1);
        const I half = n >> 1;  // two factors: 2^n alone may lie outside the normal range
        return power * power_of_two(half) * power_of_two(n - half);
    }

    static FASTMLP_INLINE V log(V x) {
        // x = 2^e m with m in [sqrt(1/2), sqrt(2)): the offset moves the cut between two exponents there.
        const I cut = bits<T>(broadcast<T>(static_cast<T>(0.70710678118654752440)));
        const I e = (bits<T>(x) - cut) >> C::mantissa;
        const V m = from_bits<T>(bits<T>(x) - (e << C::mantissa));
        const V exponent = __builtin_convertvector(e, V);
        const V f = m - broadcast<T>(1);
        const V s = f / (f + broadcast<T>(2));
        const V z = s * s;
        // log m = 2s + s z R = f - s (f - z R)
        const V tail = fma(exponent, broadcast<T>(C::ln2_low), -(s * (f - z * polynomial(C::log_tail, z))));
        const V result = fma(exponent, broadcast<T>(C::ln2_high), f + tail);
        const V infinity = broadcast<T>(static_cast<T>(__builtin_inf()));
        const V zero{};
        const V nan = broadcast<T>(static_cast<T>(__builtin_nan("")));
        const V limit = x == zero ? -infinity : (x == infinity ? infinity : nan);
        return ((x > zero) & (x < infinity)) ? result : limit;
    }

    // log(1 + x) for x >= 0; the second term gives back what rounding 1 + x lost.
    static FASTMLP_INLINE V log1p(V x) {
        const V one = broadcast<T>(1);
        const V sum = one + x;
        const V infinity = broadcast<T>(static_cast<T>(__builtin_inf()));
        const V lost = x - (sum - one);
        return sum == infinity ? sum : log(sum) + lost / sum;
    }

    // 1 / (1 + e^-x), as e / (1 + e) with e = e^-|x| where x < 0, which keeps small values precise
    static FASTMLP_INLINE V sigmoid(V x) {
        const V one = broadcast<T>(1);
        const V e = exp(-absolute(x));
        const V numerator = x < V{} ? e : one;
        return numerator / (one + e);
    }

    // The same with 1 / (1 + e^x), which 1 - sigmoid would not give precisely
    static FASTMLP_INLINE V sigmoid(V x, V& complement) {
        const V one = broadcast<T>(1);
        const V e = exp(-absolute(x));
        const V larger = one / (one + e), smaller = e * larger;
        complement = x < V{} ? larger : smaller;
        return x < V{} ? smaller : larger;
    }

    // e^x - 1 for x <= 0; from -2 tanh_one on it rounds to -1
    static FASTMLP_INLINE V expm1_of_negative(V x) {
        I n;
        const V small = reduced_expm1(at_least(x, broadcast<T>(-2 * C::tanh_one)), n);
        const V scale = power_of_two(n);
        return fma(small, scale, scale - broadcast<T>(1));
    }

    // What rounding took from a * a (T. J. Dekker, 1971; here without fma, that no instruction set may differ)
    static FASTMLP_INLINE V lost_of_square(V a, V square) {
        constexpr Bits<T> low = (static_cast<Bits<T>>(1) << (C::mantissa / 2 + 1)) - 1;
        const V high = from_bits<T>(bits<T>(a) & ~broadcast_bits<T>(low)), rest = a - high;
        return ((high * high - square) + (high + high) * rest) + rest * rest;
    }

    // P(normal variable <= x), and e^(-x^2 / 2). With a = |x|, P(variable > a) = e^(-a^2 / 2) polynomial(q) / (a + 4), where
    // q = (a - 4) / (a + 4); the square must be exact, because e turns its absolute error into a relative one.
    static FASTMLP_INLINE V normal_cdf(V x, V& power) {
        const V a = at_most(absolute(x), broadcast<T>(C::normal_end)), half = broadcast<T>(static_cast<T>(0.5));
        const V square = a * a, share = broadcast<T>(1) / (a + broadcast<T>(4));
        const V rounded = exp(-(half * square));
        power = fma(rounded, -(half * lost_of_square(a, square)), rounded);
        const V tail = power * (polynomial(C::normal_tail, (a - broadcast<T>(4)) * share) * share);
        return x < V{} ? tail : broadcast<T>(1) - tail;
    }

    // (e^2|x| - 1) / (e^2|x| + 1) with the sign of x
    static FASTMLP_INLINE V tanh(V x) {
        I n;
        const V one = broadcast<T>(1);
        const V magnitude = at_most(absolute(x), broadcast<T>(C::tanh_one));
        const V small = reduced_expm1(magnitude + magnitude, n);
        const V scale = power_of_two(n);
        const V expm1 = fma(small, scale, scale - one);
        return with_sign_of(expm1 / (expm1 + broadcast<T>(2)), x);
    }
};

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
