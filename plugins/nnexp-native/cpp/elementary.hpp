// exp, exp - 1, log(1 + x), tanh, sigmoid and square root of several numbers at once, to one or two units in the last place.
//
// The C library computes one number at a time, which is what softmax and sigmoid would spend their time with. Here
//
//     x = n log 2 + r,  |r| <= log(2) / 2,   exp(x) = 2^n exp(r),
//
// with exp(r) as its Taylor polynomial, which is exact to the last place on so short an interval. log 2 is split in two parts
// (Cody and Waite, 1980), so that r keeps its digits.
#pragma once

#include <cmath>
#include <limits>

#include "simd.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct Exponential;

template <>
struct Exponential<double> {
    static constexpr double log2_high = 6.93147180369123816490e-01, log2_low = 1.90821492927058770002e-10;
    static constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52: x + shift has the rounded x in its lowest bits
    static constexpr double least = -746, most = 710;    // exp is 0 below and infinite above
    static constexpr int degree = 13, bias = 1023, digits = 52;
};

template <>
struct Exponential<float> {
    static constexpr float log2_high = 6.9314575195e-01f, log2_low = 1.4286067653e-06f;
    static constexpr float shift = 12582912.0f;  // 1.5 * 2^23
    static constexpr float least = -104, most = 89;
    static constexpr int degree = 7, bias = 127, digits = 23;
};

// 1 / k!
constexpr double inverse_factorial(int k) {
    double product = 1;
    for (int i = 2; i <= k; ++i) product *= i;
    return 1 / product;
}

// x = n log 2 + r.
template <class T>
struct Reduced {
    Vec<T> r;
    Mask<T> n;
};

template <class T>
inline Reduced<T> reduced(Vec<T> x) {
    using E = Exponential<T>;
    const Vec<T> shifted = x * T(1.4426950408889634074) + E::shift;
    const Vec<T> n = shifted - E::shift;
    return {(x - n * E::log2_high) - n * E::log2_low, (Mask<T>)shifted - (Mask<T>)all<T>(E::shift)};
}

// 2^n, for n from -1022 (-126) to 1023 (127).
template <class T>
inline Vec<T> power_of_two(Mask<T> n) {
    using E = Exponential<T>;
    return (Vec<T>)((n + E::bias) << E::digits);
}

// sum over k from `first` to the degree of r^(k - first) / k!
template <class T, int first>
inline Vec<T> taylor(Vec<T> r) {
    Vec<T> sum = all<T>(T(inverse_factorial(Exponential<T>::degree)));
#pragma GCC unroll 16
    for (int k = Exponential<T>::degree - 1; k >= first; --k) sum = sum * r + T(inverse_factorial(k));
    return sum;
}

template <class T>
inline Vec<T> exp(Vec<T> x) {
    using E = Exponential<T>;
    x = choose<T>(x > E::most, all<T>(E::most), choose<T>(x < E::least, all<T>(E::least), x));  // NaN stays
    const auto [r, n] = reduced<T>(x);
    const Mask<T> half = n >> 1;  // in two factors, since 2^n itself may be no normal number
    return taylor<T, 0>(r) * power_of_two<T>(half) * power_of_two<T>(n - half);
}

// exp(x) - 1 for x <= 0, without cancellation: 2^n (exp(r) - 1) + (2^n - 1).
template <class T>
inline Vec<T> exp_minus_one(Vec<T> x) {
    constexpr T least = -60;  // -1 to the last place
    x = choose<T>(x < least, all<T>(least), x);
    const auto [r, n] = reduced<T>(x);
    const Vec<T> scale = power_of_two<T>(n);
    return scale * (r + r * r * taylor<T, 2>(r)) + (scale - 1);
}

// log(1 + x) for x from 0 to 1.
//
// With s = f / (2 + f), log(1 + f) = 2 atanh(s); f = x, or (x - 1) / 2 and log 2 more where x is above sqrt(2) - 1. The
// polynomial's coefficients are those of fdlibm (Sun Microsystems, 1993).
template <class T>
inline Vec<T> log_one_plus(Vec<T> x) {
    const Mask<T> upper = x > T(0.41421356237309504880);
    const Vec<T> f = choose<T>(upper, T(0.5) * (x - 1), x);
    const Vec<T> s = f / (2 + f), z = s * s, half = T(0.5) * f * f;
    const Vec<T> even = z * z;
    const Vec<T> odd_terms = z * (T(6.666666666666735130e-01) +
                                  even * (T(2.857142874366239149e-01) +
                                          even * (T(1.818357216161805012e-01) + even * T(1.479819860511658591e-01))));
    const Vec<T> even_terms = even * (T(3.999999999940941908e-01) +
                                      even * (T(2.222219843214978396e-01) + even * T(1.531383769920937332e-01)));
    const Vec<T> log = f - (half - s * (half + odd_terms + even_terms));
    return choose<T>(upper, log + T(0.69314718055994530942), log);
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): no overflow, accurate in both tails.
template <class T>
inline Vec<T> softplus(Vec<T> x) {
    return log_one_plus<T>(exp<T>(-magnitude<T>(x))) + choose<T>(x < 0, Vec<T>{}, x);
}

// tanh(x) = -t / (t + 2) with t = exp(-2 |x|) - 1, and the sign of x.
template <class T>
inline Vec<T> tanh(Vec<T> x) {
    const Vec<T> t = exp_minus_one<T>(-2 * magnitude<T>(x));
    return with_sign<T>(t / (t + 2), x);
}

// 1 / (1 + exp(-x)); 0 where exp(-x) is infinite.
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
    return 1 / (1 + exp<T>(-x));
}

template <class T>
inline Vec<T> square_root(Vec<T> x) {
    return each<T>(x, [](T lane) { return std::sqrt(lane); });
}

// The standard normal distribution function (1 + erf(x / sqrt 2)) / 2, by erfc, which keeps its digits in the left tail.
template <class T>
inline Vec<T> normal_distribution(Vec<T> x) {
    return each<T>(x, [](T lane) { return T(0.5 * std::erfc(-double(lane) * 0.70710678118654752440)); });
}

}  // namespace nnexp::NNEXP_TARGET
