// The standard normal distribution function, by rational approximations of erf and erfc (Cody, 1969).
#pragma once

#include "elementary.hpp"

namespace nnexp::NNEXP_TARGET {

// (c[0] x^(N-1) + c[1] x^(N-2) + ... + c[N-1])
template <class V, size_t N>
inline V polynomial(V x, const double (&c)[N]) {
    using T = Element<V>;
    V sum = spread<V>(T(c[0]));
#pragma GCC unroll 16
    for (size_t i = 1; i < N; ++i) sum = sum * x + T(c[i]);
    return sum;
}

namespace cody {
// erf(y) / y = P(y^2) / Q(y^2) for y <= 0.46875
inline constexpr double NEAR_P[] = {1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
                                    3.77485237685302021e2, 3.20937758913846947e3};
inline constexpr double NEAR_Q[] = {1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
                                    2.84423683343917062e3};
// exp(y^2) erfc(y) = P(y) / Q(y) for 0.46875 <= y <= 4
inline constexpr double MIDDLE_P[] = {2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
                                      6.61191906371416295e1,  2.98635138197400131e2,  8.81952221241769090e2,
                                      1.71204761263407058e3,  2.05107837782607147e3,  1.23033935479799725e3};
inline constexpr double MIDDLE_Q[] = {1,
                                      1.57449261107098347e1,
                                      1.17693950891312499e2,
                                      5.37181101862009858e2,
                                      1.62138957456669019e3,
                                      3.29079923573345963e3,
                                      4.36261909014324716e3,
                                      3.43936767414372164e3,
                                      1.23033935480374942e3};
// exp(y^2) erfc(y) = (1/sqrt(pi) - P(1/y^2) / Q(1/y^2) / y^2) / y for y >= 4
inline constexpr double FAR_P[] = {1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
                                   1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4};
inline constexpr double FAR_Q[] = {1,
                                   2.56852019228982242e0,
                                   1.87295284992346725e0,
                                   5.27905102951428412e-1,
                                   6.05183413124413191e-2,
                                   2.33520497626869185e-3};
inline constexpr double ONE_OVER_ROOT_PI = 0.56418958354775628695;
}  // namespace cody

// exp(-x^2 / 2), 0 <= x <= NORMAL_END: x = s + d with s a multiple of 1/16, whose square is exact.
template <class V>
inline V exp_of_half_square(V x) {
    using T = Element<V>;
    const V s = rounded(x * T(16)) * T(1.0 / 16), d = (x - s) * (x + s);
    return exp(T(-0.5) * s * s) * exp(T(-0.5) * d);
}

// Phi(z) = erfc(-z / sqrt(2)) / 2, and the density's exponential exp(-z^2 / 2).
template <class V>
struct Normal {
    V phi, exponential;
};

template <class V>
inline Normal<V> normal_distribution(V z) {
    using T = Element<V>;
    const V x = at_most(magnitude(z), Format<T>::NORMAL_END), y = x * T(0.70710678118654752440);
    const V exponential = exp_of_half_square(x);
    const V erf = y * polynomial(y * y, cody::NEAR_P) / polynomial(y * y, cody::NEAR_Q);
    const V inverse = T(1) / (y * y);
    const V far =
        (T(cody::ONE_OVER_ROOT_PI) - inverse * polynomial(inverse, cody::FAR_P) / polynomial(inverse, cody::FAR_Q)) / y;
    const V middle = polynomial(y, cody::MIDDLE_P) / polynomial(y, cody::MIDDLE_Q);
    const V tail = T(0.5) * exponential * (y > T(4) ? far : middle);  // Phi(-x)
    const V near = T(0.5) - T(0.5) * with_sign_of(erf, -z);
    const V away = z > T(0) ? T(1) - tail : tail;
    return {y <= T(0.46875) ? near : away, exponential};
}

}  // namespace nnexp::NNEXP_TARGET
