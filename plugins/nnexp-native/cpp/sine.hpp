// sin and cos of vectors: reduced to |r| <= pi/4 by a multiple of pi/2 in three parts (Cody and Waite, 1980).
#pragma once

#include "elementary.hpp"

namespace nnexp::NNEXP_TARGET {

// sin(x) for quarter = 0, cos(x) for quarter = 1: sin(x + quarter pi/2).
template <class V>
inline V sine_of_reduced(V x, int quarter) {
    using T = Element<V>;
    using F = Format<T>;
    const V n = rounded(x * T(0.63661977236758134308));
    const V r = ((x - n * F::HALF_PI[0]) - n * F::HALF_PI[1]) - n * F::HALF_PI[2];
    const V square = r * r;
    V odd = spread<V>(0), even = spread<V>(0);  // (sin(r) / r - 1) / r^2 and (cos(r) - 1) / r^2
#pragma GCC unroll 16
    for (int k = F::SINE_TERMS; k >= 1; --k) {
        const T sign = k % 2 ? -1 : 1;
        odd = odd * square + sign * one_over_factorial<T>(2 * k + 1);
        even = even * square + sign * one_over_factorial<T>(2 * k);
    }
    const V sine = r + r * square * odd, cosine = T(1) + square * even;
    const Mask<V> turns = bits(n + F::MAGIC) + quarter;  // the last two bits count quarters of a circle
    const V value = (turns & 1) != 0 ? cosine : sine;
    return (turns & 2) != 0 ? -value : value;
}

template <class V>
inline V sine(V x, int quarter) {
    using T = Element<V>;
    if (!any<V>(!(magnitude(x) <= Format<T>::SINE_MOST))) return sine_of_reduced(x, quarter);
    for (size_t i = 0; i < LANES<T>; ++i) x[i] = T(quarter ? __builtin_cos(double(x[i])) : __builtin_sin(double(x[i])));
    return x;
}
template <class V>
inline V sin(V x) {
    return sine(x, 0);
}
template <class V>
inline V cos(V x) {
    return sine(x, 1);
}

}  // namespace nnexp::NNEXP_TARGET
