// One vector type for every instruction set: the only file that knows how wide a register is.
// Vec<T> is the compiler's own vector of the widest native size, so + - * / and comparisons are plain
// operators; what has no operator (fma, partial loads, casts of bits, transposition) stands here.
// Everything is forced inline: an object compiled for one instruction set must not export a symbol that the
// linker could share with another (tests/test_dispatch.py looks).
#pragma once

#include <cstdint>

#include "math/inline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// UNROLL must cover the whole loop: a tile indexed by a loop variable would live in memory, not in registers.
#define FASTMLP_UNROLL _Pragma("GCC unroll 64")

namespace fastmlp {
namespace FASTMLP_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class T>
struct VecOf {
    typedef T type __attribute__((vector_size(vector_bytes)));
    typedef T loose __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};
template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
struct BitsOf;
template <>
struct BitsOf<float> {
    using type = int32_t;
};
template <>
struct BitsOf<double> {
    using type = int64_t;
};
template <class T>
using Bits = typename BitsOf<T>::type;  // the integer as wide as T
template <class T>
using IntVec = Vec<Bits<T>>;

template <class T>
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

// ---- load, store, broadcast ------------------------------------------------------------------------------
template <class T>
FASTMLP_INLINE Vec<T> load(const T* p) {
    return *reinterpret_cast<const typename VecOf<T>::loose*>(p);
}
template <class T>
FASTMLP_INLINE void store(T* p, Vec<T> v) {
    *reinterpret_cast<typename VecOf<T>::loose*>(p) = v;
}
template <class T>
FASTMLP_INLINE Vec<T> broadcast(T value) {
    return value - Vec<T>{};
}
template <class T>
FASTMLP_INLINE IntVec<T> broadcast_bits(Bits<T> value) {
    return value - IntVec<T>{};
}
template <class T>
FASTMLP_INLINE IntVec<T> bits(Vec<T> v) {
    return (IntVec<T>)v;
}
template <class T>
FASTMLP_INLINE Vec<T> from_bits(IntVec<T> v) {
    return (Vec<T>)v;
}
// 0, 1, 2, ...: the number of each lane
template <class T>
FASTMLP_INLINE IntVec<T> lane_numbers() {
    IntVec<T> v{};
    FASTMLP_UNROLL
    for (int i = 0; i < lanes<T>; ++i) v[i] = i;
    return v;
}

// 0, 1, ..., n - 1 as arguments: for shuffles, whose positions must be constants
template <int... J>
struct Positions {};
template <int n, int... J>
struct PositionsTo : PositionsTo<n - 1, n - 1, J...> {};
template <int... J>
struct PositionsTo<0, J...> {
    using type = Positions<J...>;
};

// The first `count` elements; the other lanes read as zero and are not touched in memory.
template <class T>
FASTMLP_INLINE Vec<T> load_partial(const T* p, int count);
template <class T>
FASTMLP_INLINE void store_partial(T* p, Vec<T> v, int count);

#if defined(__AVX512F__)
template <>
FASTMLP_INLINE Vec<float> load_partial(const float* p, int count) {
    return (Vec<float>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), p);
}
template <>
FASTMLP_INLINE void store_partial(float* p, Vec<float> v, int count) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1u), (__m512)v);
}
template <>
FASTMLP_INLINE Vec<double> load_partial(const double* p, int count) {
    return (Vec<double>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1u), p);
}
template <>
FASTMLP_INLINE void store_partial(double* p, Vec<double> v, int count) {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1u), (__m512d)v);
}
template <>
FASTMLP_INLINE void store_partial(uint32_t* p, Vec<uint32_t> v, int count) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << count) - 1u), (__m512i)v);
}
#elif defined(__AVX2__)
template <class T>
FASTMLP_INLINE __m256i first_lanes(int count) {
    return (__m256i)(lane_numbers<T>() < broadcast_bits<T>(count));
}
template <>
FASTMLP_INLINE Vec<float> load_partial(const float* p, int count) {
    return (Vec<float>)_mm256_maskload_ps(p, first_lanes<float>(count));
}
template <>
FASTMLP_INLINE void store_partial(float* p, Vec<float> v, int count) {
    _mm256_maskstore_ps(p, first_lanes<float>(count), (__m256)v);
}
template <>
FASTMLP_INLINE Vec<double> load_partial(const double* p, int count) {
    return (Vec<double>)_mm256_maskload_pd(p, first_lanes<double>(count));
}
template <>
FASTMLP_INLINE void store_partial(double* p, Vec<double> v, int count) {
    _mm256_maskstore_pd(p, first_lanes<double>(count), (__m256d)v);
}
template <>
FASTMLP_INLINE void store_partial(uint32_t* p, Vec<uint32_t> v, int count) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), first_lanes<float>(count), (__m256i)v);
}
#else
template <class T>
FASTMLP_INLINE Vec<T> load_partial(const T* p, int count) {
    Vec<T> v{};
    for (int i = 0; i < count; ++i) v[i] = p[i];
    return v;
}
template <class T>
FASTMLP_INLINE void store_partial(T* p, Vec<T> v, int count) {
    for (int i = 0; i < count; ++i) p[i] = v[i];
}
#endif

// The first `count` lanes of v, the others zero.
template <class T>
FASTMLP_INLINE Vec<T> keep_first(Vec<T> v, int64_t count) {
    if (count >= lanes<T>) return v;
    return lane_numbers<T>() < broadcast_bits<T>(static_cast<Bits<T>>(count)) ? v : Vec<T>{};
}

// How many of the first `count` lanes of a comparison are true.
template <class T>
FASTMLP_INLINE int64_t count_true(IntVec<T> mask, int count) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return __builtin_popcount(_mm512_movepi32_mask((__m512i)mask) & ((1u << count) - 1u));
    if constexpr (sizeof(T) == 8) return __builtin_popcount(_mm512_movepi64_mask((__m512i)mask) & ((1u << count) - 1u));
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps((__m256)mask)) & ((1u << count) - 1u));
    if constexpr (sizeof(T) == 8)
        return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_pd((__m256d)mask)) & ((1u << count) - 1u));
#else
    int64_t sum = 0;
    for (int i = 0; i < count; ++i) sum += mask[i] != 0;
    return sum;
#endif
}

// ---- arithmetic ------------------------------------------------------------------------------------------
// a*b + c with one rounding. Without FMA hardware: two roundings, the one documented exception to equal bits.
#if defined(__AVX512F__)
FASTMLP_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
FASTMLP_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
#elif defined(__AVX2__) && defined(__FMA__)
FASTMLP_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
FASTMLP_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#elif defined(__aarch64__)
FASTMLP_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
FASTMLP_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
template <class V>
FASTMLP_INLINE V fma(V a, V b, V c) {
    return a * b + c;
}
#endif

// The square root, correctly rounded: exact hardware everywhere, never an estimate whose bits differ between makers.
#if defined(__AVX512F__)  // maskz: GCC 12 warns of what the plain form leaves undefined
FASTMLP_INLINE Vec<float> sqrt(Vec<float> v) { return (Vec<float>)_mm512_maskz_sqrt_ps(static_cast<__mmask16>(-1), (__m512)v); }
FASTMLP_INLINE Vec<double> sqrt(Vec<double> v) { return (Vec<double>)_mm512_maskz_sqrt_pd(static_cast<__mmask8>(-1), (__m512d)v); }
#elif defined(__AVX2__)
FASTMLP_INLINE Vec<float> sqrt(Vec<float> v) { return (Vec<float>)_mm256_sqrt_ps((__m256)v); }
FASTMLP_INLINE Vec<double> sqrt(Vec<double> v) { return (Vec<double>)_mm256_sqrt_pd((__m256d)v); }
#elif defined(__x86_64__)
FASTMLP_INLINE Vec<float> sqrt(Vec<float> v) { return (Vec<float>)_mm_sqrt_ps((__m128)v); }
FASTMLP_INLINE Vec<double> sqrt(Vec<double> v) { return (Vec<double>)_mm_sqrt_pd((__m128d)v); }
#elif defined(__aarch64__)
FASTMLP_INLINE Vec<float> sqrt(Vec<float> v) { return (Vec<float>)vsqrtq_f32((float32x4_t)v); }
FASTMLP_INLINE Vec<double> sqrt(Vec<double> v) { return (Vec<double>)vsqrtq_f64((float64x2_t)v); }
#else
FASTMLP_INLINE Vec<float> sqrt(Vec<float> v) {
    for (int i = 0; i < lanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
}
FASTMLP_INLINE Vec<double> sqrt(Vec<double> v) {
    for (int i = 0; i < lanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
    return v;
}
#endif

// The first operand passes through when it is NaN: a comparison with NaN is false.
template <class V>
FASTMLP_INLINE V at_most(V v, V limit) {
    return v > limit ? limit : v;
}
template <class V>
FASTMLP_INLINE V at_least(V v, V limit) {
    return v < limit ? limit : v;
}
template <class T>
FASTMLP_INLINE Vec<T> absolute(Vec<T> v) {
    constexpr Bits<T> sign = static_cast<Bits<T>>(1) << (sizeof(T) * 8 - 1);
    return from_bits<T>(bits<T>(v) & ~broadcast_bits<T>(sign));
}
// Zero in place of subnormal numbers, with which processors compute many times slower.
template <class T>
FASTMLP_INLINE Vec<T> without_subnormals(Vec<T> v) {
    constexpr T smallest_normal = sizeof(T) == 4 ? static_cast<T>(0x1p-126) : static_cast<T>(0x1p-1022);
    return absolute<T>(v) < broadcast<T>(smallest_normal) ? Vec<T>{} : v;
}
// `magnitude` with the sign of `v`
template <class T>
FASTMLP_INLINE Vec<T> with_sign_of(Vec<T> magnitude, Vec<T> v) {
    const IntVec<T> sign = broadcast_bits<T>(static_cast<Bits<T>>(1) << (sizeof(T) * 8 - 1));
    return from_bits<T>((bits<T>(magnitude) & ~sign) | (bits<T>(v) & sign));
}

// ---- the largest magnitude -------------------------------------------------------------------------------
// Compared as integers, so that infinity and NaN count as larger than every number and cannot get lost. NaN is told as
// infinity: whoever goes on with a plain maximum would lose it.
template <class T>
struct Peak {
    IntVec<T> largest{};
    FASTMLP_INLINE void see(Vec<T> v) {
        const IntVec<T> magnitude = bits<T>(absolute<T>(v));
        largest = magnitude > largest ? magnitude : largest;
    }
    FASTMLP_INLINE T value() const {
        Bits<T> most = 0;
        for (int i = 0; i < lanes<T>; ++i) most = largest[i] > most ? largest[i] : most;
        T result;
        __builtin_memcpy(&result, &most, sizeof(T));
        return result == result ? result : static_cast<T>(__builtin_inf());
    }
};

}  // namespace FASTMLP_ISA
}  // namespace fastmlp
