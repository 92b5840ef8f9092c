// Several numbers at once: GCC's and Clang's vector extensions, as wide as the target's registers.
//
// NNEXP_TARGET is the name of the instruction set this file is compiled for, NNEXP_BYTES the width of its registers. All code
// that is compiled once per instruction set lives in a namespace of that name.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace nnexp::NNEXP_TARGET {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;

template <class T>
struct Lanes {
    static constexpr int count = NNEXP_BYTES / sizeof(T);
    typedef T Vector __attribute__((vector_size(NNEXP_BYTES)));
    typedef Bits<T> Mask __attribute__((vector_size(NNEXP_BYTES)));  // -1 where true, 0 where false
};

template <class T>
using Vec = typename Lanes<T>::Vector;
template <class T>
using Mask = typename Lanes<T>::Mask;
template <class T>
inline constexpr int lanes = Lanes<T>::count;

template <class T>
inline Vec<T> load(const T* from) {
    Vec<T> v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class T>
inline void store(T* to, Vec<T> v) {
    std::memcpy(to, &v, sizeof v);
}

// The same number in every lane.
template <class T>
inline Vec<T> all(T x) {
    return x - Vec<T>{};  // one instruction, since x - 0 is x; 0 + x is not, where x is -0
}

// a where the mask is true, b where it is not.
template <class T>
inline Vec<T> choose(Mask<T> mask, Vec<T> a, Vec<T> b) {
    return mask ? a : b;
}

// The larger of two numbers; b where one of them is no number.
template <class T>
inline Vec<T> larger(Vec<T> a, Vec<T> b) {
    return a > b ? a : b;
}

template <class T>
inline Vec<T> smaller(Vec<T> a, Vec<T> b) {
    return a < b ? a : b;
}

template <class T>
inline Vec<T> magnitude(Vec<T> x) {
    constexpr Bits<T> sign = Bits<T>(1) << (8 * sizeof(T) - 1);
    return (Vec<T>)((Mask<T>)x & ~sign);
}

// |x| with the sign of s.
template <class T>
inline Vec<T> with_sign(Vec<T> x, Vec<T> s) {
    constexpr Bits<T> sign = Bits<T>(1) << (8 * sizeof(T) - 1);
    return (Vec<T>)(((Mask<T>)x & ~sign) | ((Mask<T>)s & sign));
}

// -1, 0 or 1; NaN stays NaN.
template <class T>
inline Vec<T> sign_of(Vec<T> x) {
    return choose<T>(x > 0, all<T>(1), choose<T>(x < 0, all<T>(-1), x + x));
}

// The sum of the lanes, in halves: ((0 + 2) + (1 + 3)) of four.
template <class T>
inline T sum_of(Vec<T> x) {
    T lane[lanes<T>];
    std::memcpy(lane, &x, sizeof x);
    for (int half = lanes<T> / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
}

template <class T>
inline T largest_of(Vec<T> x) {
    T lane[lanes<T>];
    std::memcpy(lane, &x, sizeof x);
    for (int half = lanes<T> / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
    return lane[0];
}

// f of each lane: for functions that the C library has and that are not worth a polynomial here.
template <class T, class F>
inline Vec<T> each(Vec<T> x, F f) {
    for (int i = 0; i < lanes<T>; ++i) x[i] = f(x[i]);
    return x;
}

}  // namespace nnexp::NNEXP_TARGET
