// exp, log, log1p, sigmoid and tanh over vectors: the same arithmetic on every instruction set, hence the same bits.
// Polynomials come from tools/fit_approximations.py; tests/test_approx.py holds the bounds below over dense sweeps,
// against float64 (float) and 40-digit arithmetic (double). NaN stays NaN; +-inf has its limit; exp underflows gradually.
//
//   largest error in ULP:   exp   log   log1p   sigmoid   tanh      (log: normal x > 0; log1p: x >= 0)
//   float                   1     1     1.5     2.5       2.5
//   double                  1     1     1.5     2.5       2.5
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
    static constexpr float ln2_high = 0.693115234375f;  // 13 bits: n * ln2_high is exact
    static constexpr float ln2_low = 0.00003194618494530941723212146f;
    static constexpr float log2_e = 1.4426950408889634074f;
    static constexpr float round_shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    static constexpr float exp_low = -104.0f;          // e^x rounds to 0 below
    static constexpr float exp_high = 88.73f;          // e^x overflows above
    static constexpr float tanh_one = 9.1f;            // tanh x rounds to 1 above
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
    static constexpr double ln2_high = 0.6931471803691238164901733;  // 32 bits: n * ln2_high is exact
    static constexpr double ln2_low = 1.908214929270587816144266e-10;
    static constexpr double log2_e = 1.4426950408889634074;
    static constexpr double round_shift = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double exp_low = -746.0;
    static constexpr double exp_high = 709.79;
    static constexpr double tanh_one = 19.1;
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
    static FASTMLP_INLINE V with_sign_or_zero(V magnitude, V v) { return v == V{} ? V{} : with_sign_of<T>(magnitude, v); }

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

    // (e^2|x| - 1) / (e^2|x| + 1) with the sign of x
    static FASTMLP_INLINE V tanh(V x) {
        I n;
        const V one = broadcast<T>(1);
        const V magnitude = at_most(absolute(x), broadcast<T>(C::tanh_one));
        const V small = reduced_expm1(magnitude + magnitude, n);
        const V scale = power_of_two(n);
        const V expm1 = fma(small, scale, scale - one);
        return with_sign_of<T>(expm1 / (expm1 + broadcast<T>(2)), x);
    }
};

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
