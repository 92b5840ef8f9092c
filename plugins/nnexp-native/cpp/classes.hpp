// Losses of all outputs of a sample: hinge of several classes, and the focal loss. Gradients are one row of dJ/dp (or
// dJ/dz) times the number of samples, `n` being the number of outputs; values are a sample's J.
#pragma once

#include "elementary.hpp"

namespace nnexp::NNEXP_TARGET {

// max(0, 1 + max_(j != c) z_j - z_c), c the true class: 1 for the strongest rival and -1 for c, 0 at the kinks
// (Crammer and Singer, 2001).
template <class T>
inline void hinge(size_t n, const T* z, const T* y, T* out) {
    T own = 0, first = -__builtin_inf(), second = first;
    for (size_t j = 0; j < n; ++j) {
        out[j] = 0;
        if (y[j] > 0)
            own += z[j];
        else if (z[j] > first || z[j] != z[j])
            second = first, first = z[j];
        else if (z[j] > second)
            second = z[j];
    }
    for (size_t j = 0; j < n; ++j) {
        const T best_other = z[j] == first ? second : first;
        if (y[j] > 0)
            out[j] = 1 + first - z[j] > 0 ? -1 : 0;
        else
            out[j] = z[j] > own - 1 && z[j] > best_other ? 1 : 0;
    }
}

// The value of a vector of samples: output j of the first one is z[j * stride].
template <class T>
inline Vec<T> hinge_value(size_t n, const T* z, const T* y, size_t stride) {
    using V = Vec<T>;
    V own{}, first = spread<V>(-__builtin_inf());
    for (size_t j = 0; j < n; ++j) {
        const V here = load(z + j * stride);
        const Mask<V> mine = load(y + j * stride) > T(0), above = (here > first) | (here != here);
        own += mine ? here : V{};
        first = ~mine & above ? here : first;
    }
    return at_least(T(1) + first - own, 0);
}

// -w (1 - p)^gamma log(p), p the probability of the true class (Lin et al., 2017). In double: there are few outputs.
struct Focal {
    double gamma, alpha;  // alpha is NaN where both classes weigh 1

    double weight(bool second) const { return alpha != alpha ? 1 : second ? alpha : 1 - alpha; }

    // The probability of the true class, and 1 - p, of a sample whose outputs lie `stride` apart.
    struct Probability {
        double p, q;
    };
    template <class T>
    static Probability of_true_class(size_t n, const T* p, const T* y, size_t stride) {
        const T tiny = Format<T>::TINY;
        T own = 0;
        if (n == 1)
            own = y[0] > 0 ? p[0] : 1 - p[0];
        else
            for (size_t j = 0; j < n; ++j) own += y[j * stride] * p[j * stride];
        const T others = n == 1 && !(y[0] > 0) ? p[0] : 1 - own;
        return {own < tiny ? tiny : own, others < tiny ? tiny : others};
    }

    template <class T>
    double value(size_t n, const T* p, const T* y, size_t stride) const {
        const auto [a, b] = of_true_class(n, p, y, stride);
        return -weight(y[0] > 0) * __builtin_pow(b, gamma) * __builtin_log(a);
    }

    // w (gamma (1 - p)^(gamma - 1) log(p) - (1 - p)^gamma / p), for one output or several probabilities.
    template <class T>
    void gradient(size_t n, const T* p, const T* y, T* out) const {
        const auto [a, b] = of_true_class(n, p, y, 1);
        const double power = __builtin_pow(b, gamma);
        const double slope = weight(y[0] > 0) * (gamma * __builtin_pow(b, gamma - 1) * __builtin_log(a) - power / a);
        for (size_t j = 0; j < n; ++j) out[j] = T((n == 1 ? 2 * y[j] - 1 : y[j]) * slope);
    }

    // The log-odds of the true class: of one output z or -z, of several x = z_c - log sum_(j != c) exp(z_j).
    struct Odds {
        double x, strongest, total;  // of the rivals: the largest z_j, and sum exp(z_j - strongest)
    };
    template <class T>
    static Odds odds(size_t n, const T* z, const T* y, size_t stride) {
        if (n == 1) return {double(2 * y[0] - 1) * z[0], 0, 1};
        double strongest = -__builtin_inf(), own = 0, total = 0;
        for (size_t j = 0; j < n; ++j) {
            const T here = z[j * stride], target = y[j * stride];
            own += double(target) * here;
            if (!(target > 0) && !(here <= strongest)) strongest = here;
        }
        for (size_t j = 0; j < n; ++j)
            total += y[j * stride] > 0 ? 0 : __builtin_exp(double(z[j * stride]) - strongest);
        return {own - strongest - __builtin_log(total), strongest, total};
    }

    // The same by the log-odds: J = w q^gamma s, s = log(1 + exp(-x)), q = 1 / (1 + exp(x)) = 1 - p.
    template <class T>
    double value_on_logits(size_t n, const T* z, const T* y, size_t stride) const {
        const double x = odds(n, z, y, stride).x, q = 1 / (1 + __builtin_exp(x));
        return weight(y[0] > 0) * __builtin_pow(q, gamma) * softplus_of(-x);
    }

    // dJ/dx = -w q^gamma (gamma (1 - q) s + q).
    template <class T>
    void on_logits(size_t n, const T* z, const T* y, T* out) const {
        const auto [x, strongest, total] = odds(n, z, y, 1);
        if (n == 1) {
            out[0] = T((2 * y[0] - 1) * slope(x, weight(y[0] > 0)));
            return;
        }
        const double by_x = slope(x, 1);
        for (size_t j = 0; j < n; ++j) {
            const double share = y[j] > 0 ? 0 : __builtin_exp(z[j] - strongest) / total;
            out[j] = T((y[j] - share) * by_x);
        }
    }

    double slope(double x, double w) const {
        const double p = 1 / (1 + __builtin_exp(-x)), q = 1 / (1 + __builtin_exp(x));
        return -w * __builtin_pow(q, gamma) * (gamma * p * softplus_of(-x) + q);
    }

    static double softplus_of(double x) { return (x > 0 ? x : 0) + __builtin_log1p(__builtin_exp(-__builtin_fabs(x))); }
};

}  // namespace nnexp::NNEXP_TARGET
