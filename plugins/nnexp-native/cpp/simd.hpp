// Vectors of numbers that the processor computes with at once, by the vector extensions of GCC and Clang.
//
// NNEXP_VECTOR_BYTES says how wide they are (16 for SSE2 and NEON, 32 for AVX2, 64 for AVX-512); every formula is
// written once, for any width. Comparisons give masks (integers, all bits set where true), and `mask ? a : b` chooses
// lane by lane. A comparison with NaN is false: the formulas put the number that may be NaN where it then passes
// through.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef NNEXP_TARGET
#error "compile the target's files with -DNNEXP_TARGET=name -DNNEXP_VECTOR_BYTES=width"
#endif

namespace nnexp::NNEXP_TARGET {

using std::size_t;

template <class T>
struct VectorOf {
    typedef T type __attribute__((vector_size(NNEXP_VECTOR_BYTES)));
    typedef T unaligned __attribute__((vector_size(NNEXP_VECTOR_BYTES), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
inline constexpr size_t LANES = NNEXP_VECTOR_BYTES / sizeof(T);

// As many doubles as a vector of T has numbers.
template <class T>
struct DoublesOf;
template <>
struct DoublesOf<double> {
    typedef double type __attribute__((vector_size(NNEXP_VECTOR_BYTES)));
};
template <>
struct DoublesOf<float> {
    typedef double type __attribute__((vector_size(2 * NNEXP_VECTOR_BYTES)));
};
template <class T>
using Doubles = typename DoublesOf<T>::type;

template <class V>
struct ElementOf;
template <>
struct ElementOf<Vec<double>> {
    using type = double;
};
template <>
struct ElementOf<Vec<float>> {
    using type = float;
};
template <class V>
using Element = typename ElementOf<V>::type;
template <class V>
using Mask = decltype(V{} < V{});  // integers of the elements' width

template <class V>
inline V spread(Element<V> x) {
    return x - V{};
}  // x in every lane

template <class T>
inline Vec<T> load(const T* from) {
    return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
}
template <class T>
inline void store(T* to, Vec<T> x) {
    *reinterpret_cast<typename VectorOf<T>::unaligned*>(to) = x;
}

template <class T>
inline void copy(const T* from, T* to, size_t n) {
    size_t i = 0;
    for (; i + LANES<T> <= n; i += LANES<T>) store(to + i, load(from + i));
    for (; i < n; ++i) to[i] = from[i];
}

template <class V>
inline Mask<V> bits(V x) {
    return (Mask<V>)x;
}
template <class V>
inline V from_bits(Mask<V> x) {
    return (V)x;
}
template <class V>
inline Mask<V> wrapped_sum(Mask<V> x, Mask<V> y) {  // without the carry: the bits of a NaN may be any
    if constexpr (sizeof(x[0]) == 8)
        return (Mask<V>)((Vec<std::uint64_t>)x + (Vec<std::uint64_t>)y);
    else
        return (Mask<V>)((Vec<std::uint32_t>)x + (Vec<std::uint32_t>)y);
}
template <class V>
inline Mask<V> shifted_down(Mask<V> x, int n) {  // of what is not negative: there is an instruction for that
    if constexpr (sizeof(x[0]) == 8)
        return (Mask<V>)((Vec<std::uint64_t>)x >> n);
    else
        return (Mask<V>)((Vec<std::uint32_t>)x >> n);
}

template <class V>
inline V at_least(V x, Element<V> least) {
    return x < least ? spread<V>(least) : x;
}  // NaN stays
template <class V>
inline V at_most(V x, Element<V> most) {
    return x > most ? spread<V>(most) : x;
}
template <class V>
inline V magnitude(V x) {
    return from_bits<V>(bits(x) & ~bits(spread<V>(Element<V>(-0.0))));
}
template <class V>
inline V with_sign_of(V x, V sign) {
    const Mask<V> top = bits(spread<V>(Element<V>(-0.0)));
    return from_bits<V>((bits(x) & ~top) | (bits(sign) & top));
}

template <class V>
inline Element<V> sum(V x) {
    Element<V> total = x[0];
    for (size_t i = 1; i < LANES<Element<V>>; ++i) total += x[i];
    return total;
}
template <class V>
inline Element<V> largest(V x) {  // of what is a number
    Element<V> most = x[0];
    for (size_t i = 1; i < LANES<Element<V>>; ++i) most = x[i] > most ? x[i] : most;
    return most;
}
template <class V>
inline bool any(Mask<V> mask) {
    bool found = false;
    for (size_t i = 0; i < LANES<Element<V>>; ++i) found |= mask[i] != 0;
    return found;
}
template <class V>
inline V square_root(V x) {
    for (size_t i = 0; i < LANES<Element<V>>; ++i) {
        if constexpr (sizeof(x[0]) == 8)
            x[i] = __builtin_sqrt(x[i]);
        else
            x[i] = __builtin_sqrtf(x[i]);
    }
    return x;
}
// All bits set in the first n lanes.
template <class V>
inline Mask<V> first_lanes(size_t n) {
    Mask<V> mask{};
    for (size_t i = 0; i < LANES<Element<V>>; ++i) mask[i] = i < n ? -1 : 0;
    return mask;
}

}  // namespace nnexp::NNEXP_TARGET
