// Losses whose gradient needs all outputs of a sample: hinge of several classes, and the focal loss.
// Each function writes one row of dJ/dp (or dJ/dz) times the number of samples. `n` is the number of outputs.
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

// -w (1 - p)^gamma log(p), p the probability of the true class (Lin et al., 2017). In double: there are few outputs.
struct Focal {
    double gamma, alpha;  // alpha is NaN where both classes weigh 1

    double weight(bool second) const { return alpha != alpha ? 1 : second ? alpha : 1 - alpha; }

    // w (gamma (1 - p)^(gamma - 1) log(p) - (1 - p)^gamma / p), for one output or several probabilities.
    template <class T>
    void gradient(size_t n, const T* p, const T* y, T* out) const {
        const T tiny = Format<T>::TINY;
        T of_true = 0;
        if (n == 1)
            of_true = y[0] > 0 ? p[0] : 1 - p[0];
        else
            for (size_t j = 0; j < n; ++j) of_true += y[j] * p[j];
        const T of_others = n == 1 && !(y[0] > 0) ? p[0] : 1 - of_true;
        const double a = of_true < tiny ? tiny : of_true, b = of_others < tiny ? tiny : of_others;
        const double power = __builtin_pow(b, gamma);
        const double slope = weight(y[0] > 0) * (gamma * __builtin_pow(b, gamma - 1) * __builtin_log(a) - power / a);
        for (size_t j = 0; j < n; ++j) out[j] = T((n == 1 ? 2 * y[j] - 1 : y[j]) * slope);
    }

    // The same by the log-odds x of the true class: dJ/dx = -w q^gamma (gamma (1 - q) s + q), s = log(1 + exp(-x)),
    // q = 1 / (1 + exp(x)); of several classes x = z_c - log sum_(j != c) exp(z_j).
    template <class T>
    void on_logits(size_t n, const T* z, const T* y, T* out) const {
        if (n == 1) {
            const double t = 2 * y[0] - 1;
            out[0] = T(t * slope(t * z[0], weight(y[0] > 0)));
            return;
        }
        double strongest = -__builtin_inf(), own = 0, total = 0;
        for (size_t j = 0; j < n; ++j) {
            own += double(y[j]) * z[j];
            if (!(y[j] > 0) && !(z[j] <= strongest)) strongest = z[j];
        }
        for (size_t j = 0; j < n; ++j) total += y[j] > 0 ? 0 : __builtin_exp(z[j] - strongest);
        const double by_x = slope(own - strongest - __builtin_log(total), 1);
        for (size_t j = 0; j < n; ++j) {
            const double share = y[j] > 0 ? 0 : __builtin_exp(z[j] - strongest) / total;
            out[j] = T((y[j] - share) * by_x);
        }
    }

    double slope(double x, double w) const {
        const double p = 1 / (1 + __builtin_exp(-x)), q = 1 / (1 + __builtin_exp(x));
        const double s = (x < 0 ? -x : 0) + __builtin_log1p(__builtin_exp(-__builtin_fabs(x)));
        return -w * __builtin_pow(q, gamma) * (gamma * p * s + q);
    }
};

}  // namespace nnexp::NNEXP_TARGET
