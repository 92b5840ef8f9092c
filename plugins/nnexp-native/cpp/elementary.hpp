// Elementary functions of vectors: a reduction to a small argument, a polynomial, and the result put together again.
//
// Polynomials are the functions' own series, long enough that what is left out is below the rounding; for float32 they
// are shorter. Errors are 1 to 3 units in the last place (tests/test_elementary.py), in both tails; limits at
// +-infinity are right, and NaN stays NaN.
#pragma once

#include "simd.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct Format;
template <>
struct Format<double> {
    static constexpr double MAGIC =
        0x1.8p52;  // x + MAGIC - MAGIC is x rounded; the sum's last bits are it as an integer
    static constexpr int MANTISSA = 52, BIAS = 1023;
    static constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
    static constexpr double EXP_LEAST = -746, EXP_MOST = 710;  // exp is 0 below, infinite above
    static constexpr double NORMAL_EXP_LEAST = -708;
    static constexpr int EXP_TERMS = 13, ATANH_TERMS = 16, LOG_TERMS = 10, SINE_TERMS = 8;
    static constexpr double MINUS_ONE_BELOW = -40;  // expm1 is -1 to the last digit
    static constexpr double NORMAL_END = 40;        // the normal distribution function is 0 below -NORMAL_END
    static constexpr double HALF_PI[3] = {1.57079632673412561417e+00, 6.07710050630396597660e-11,
                                          2.02226624879595063154e-21};
    static constexpr double SINE_MOST = 1e6;  // n HALF_PI[0] is exact for arguments up to this
    static constexpr double TINY = 2.2250738585072014e-308, HUGE_ = 1.7976931348623157e308;
};
template <>
struct Format<float> {
    static constexpr float MAGIC = 0x1.8p23f;
    static constexpr int MANTISSA = 23, BIAS = 127;
    static constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
    static constexpr float EXP_LEAST = -105, EXP_MOST = 89;
    static constexpr float NORMAL_EXP_LEAST = -87;
    static constexpr int EXP_TERMS = 7, ATANH_TERMS = 8, LOG_TERMS = 4, SINE_TERMS = 5;
    static constexpr float MINUS_ONE_BELOW = -20;
    static constexpr float NORMAL_END = 15;
    static constexpr float HALF_PI[3] = {1.5703125f, 4.837512969970703125e-4f, 7.54978995489188e-8f};
    static constexpr float SINE_MOST = 8000;
    static constexpr float TINY = 1.17549435e-38f, HUGE_ = 3.40282347e38f;
};

template <class V>
inline V rounded(V x) {
    constexpr auto MAGIC = Format<Element<V>>::MAGIC;
    return (x + MAGIC) - MAGIC;
}

// 2^n for whole n in the range of normal exponents.
template <class V>
inline V power_of_two(V n) {
    using F = Format<Element<V>>;
    return from_bits<V>(bits(n + (F::MAGIC + F::BIAS)) << F::MANTISSA);
}

template <class T>
constexpr T one_over_factorial(int k) {
    double product = 1;
    for (int i = 2; i <= k; ++i) product *= i;
    return T(1 / product);
}

// c(first) + c(first + 1) x + ... + c(last) x^(last - first), an even number of terms. The even and the odd powers are
// two sums in x^2 that the processor works on at the same time (Estrin, 1960).
template <class V, class Coefficient>
inline V series(V x, int first, int last, Coefficient c) {
    const V square = x * x;
    V even = spread<V>(c(last - 1)), odd = spread<V>(c(last));
#pragma GCC unroll 16
    for (int k = last - 3; k >= first; k -= 2) {
        even = even * square + c(k);
        odd = odd * square + c(k + 1);
    }
    return even + x * odd;
}

// exp(r) - 1 for |r| <= ln(2) / 2: r + r^2/2! + r^3/3! + ...
template <class V>
inline V exp_series(V r) {
    using T = Element<V>;
    return r + r * r * series(r, 2, Format<T>::EXP_TERMS, [](int k) { return one_over_factorial<T>(k); });
}

// x = n ln(2) + r, |r| <= ln(2) / 2, with ln(2) in two parts (Cody and Waite, 1980).
template <class V>
struct Reduced {
    V n, r;
};
template <class V>
inline Reduced<V> reduced(V x) {
    using F = Format<Element<V>>;
    const V n = rounded(x * Element<V>(1.4426950408889634));
    return {n, (x - n * F::LN2_HIGH) - n * F::LN2_LOW};
}

// exp(x) = 2^n exp(r). 2^n is multiplied in two halves: it may leave the range.
template <class V>
inline V exp(V x) {
    using T = Element<V>;
    const auto [n, r] = reduced(at_most(at_least(x, Format<T>::EXP_LEAST), Format<T>::EXP_MOST));
    const V half = rounded(n * T(0.5));
    return (exp_series(r) + T(1)) * power_of_two(half) * power_of_two(n - half);
}

// exp(x) for x <= 0 where what is below the least normal number may as well be that: for sums with a summand of 1.
template <class V>
inline V exp_beside_one(V x) {
    const auto [n, r] = reduced(at_least(x, Format<Element<V>>::NORMAL_EXP_LEAST));
    return (exp_series(r) + Element<V>(1)) * power_of_two(n);
}

// exp(x) - 1 for x <= 0, without the cancellation near 0: 2^n (exp(r) - 1) + (2^n - 1).
template <class V>
inline V expm1(V x) {
    const auto [n, r] = reduced(at_least(x, Format<Element<V>>::MINUS_ONE_BELOW));
    const V scale = power_of_two(n);
    return scale * exp_series(r) + (scale - Element<V>(1));
}

// log(1 + x) for 0 <= x <= 1: 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s = x / (2 + x) <= 1/3.
template <class V>
inline V log1p(V x) {
    using T = Element<V>;
    const V s = x / (x + T(2)), square = s * s;
    const V rest = series(square, 1, Format<T>::ATANH_TERMS, [](int k) { return T(1) / T(2 * k + 1); });
    return T(2) * (s + s * square * rest);
}

// log(x) for x of at least the least normal number. x = 2^n (1 + f) with 1/sqrt(2) <= 1 + f < sqrt(2), and with
// s = f / (2 + f), as above, log(1 + f) = 2 s + s R = f - s (f - R), R = 2 (s^2/3 + s^4/5 + ...): where x is near 1,
// the first term is exact (Ng, fdlibm's e_log.c, 1993). n and f are taken from the bits: exponents are whole steps of
// them.
template <class V>
inline V log(V x) {
    using T = Element<V>;
    using F = Format<T>;
    const Mask<V> root = bits(spread<V>(T(0.70710678118654752440))), one = bits(spread<V>(1));
    const Mask<V> step = bits(spread<V>(2)) - one, steps = (bits(x) - root) & -step;
    const V f = from_bits<V>(bits(x) - steps) - T(1), s = f / (f + T(2)), square = s * s;
    const Mask<V> exponents = shifted_down<V>(wrapped_sum<V>(steps, one), F::MANTISSA);
    const V n = from_bits<V>(bits(spread<V>(F::MAGIC)) + exponents) - (F::MAGIC + F::BIAS);
    const V rest = series(square, 1, F::LOG_TERMS, [](int k) { return T(2) / T(2 * k + 1); });
    const V value = n * F::LN2_HIGH + (f - (s * (f - square * rest) - n * F::LN2_LOW));
    return x <= F::HUGE_ ? value : x;
}

template <class V>
inline V sigmoid(V z) {
    return Element<V>(1) / (exp(-z) + Element<V>(1));
}

// tanh(|x|) = -e / (e + 2), e = exp(-2 |x|) - 1.
template <class V>
inline V tanh(V x) {
    using T = Element<V>;
    const V e = expm1(T(-2) * magnitude(x));
    return with_sign_of(-e / (e + T(2)), x);
}

// log(cosh(r)): with m = exp(-|r|) - 1 and e = m + 1, near 0 it is log(1 + m^2 / (2 e)), as cosh(r) - 1 = m^2 / (2 e);
// further out |r| - log(2) + log(1 + e^2).
template <class V>
inline V log_cosh(V r) {
    using T = Element<V>;
    const V size = magnitude(r), m = expm1(-size), e = m + T(1);
    const Mask<V> near = size < T(1);
    return (near ? spread<V>(0) : size - T(0.69314718055994530942)) + log1p(near ? T(0.5) * m * m / e : e * e);
}

// log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)).
template <class V>
inline V softplus(V z) {
    return at_least(z, 0) + log1p(exp(-magnitude(z)));
}

}  // namespace nnexp::NNEXP_TARGET
