// dJ/dy_pred of each loss, or dJ/dz for the closed forms on the logits z. Formulas and sources are those of the plugins.
//
// The element-wise ones are structs with one function, slope(p, y): dJ/dp of an entry without the 1/m of the mean. The others
// take a sample's row. `scale` stands before the sum: 1 / (m n_outputs) or 1 / m for the mean, times what the caller wants.
#pragma once

#include "activations.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
inline constexpr T tiny = std::numeric_limits<T>::min();  // the smallest normal number

template <class T>
struct Mse {
    Vec<T> slope(Vec<T> p, Vec<T> y) const { return 2 * (p - y); }
};

template <class T>
struct Mae {
    Vec<T> slope(Vec<T> p, Vec<T> y) const { return sign_of<T>(p - y); }
};

template <class T>
struct Bce {
    Vec<T> slope(Vec<T> p, Vec<T> y) const {
        return (1 - y) / larger<T>(1 - p, all<T>(tiny<T>)) - y / larger<T>(p, all<T>(tiny<T>));
    }
};

template <class T>
struct BceOnLogits {
    Vec<T> slope(Vec<T> z, Vec<T> y) const { return sigmoid<T>(z) - y; }
};

template <class T>
struct Huber {
    T delta;
    Vec<T> slope(Vec<T> p, Vec<T> y) const {
        const Vec<T> r = p - y;
        return choose<T>(r > delta, all<T>(delta), choose<T>(r < -delta, all<T>(-delta), r));
    }
};

template <class T>
struct LogCosh {
    Vec<T> slope(Vec<T> p, Vec<T> y) const { return tanh<T>(p - y); }
};

template <class T>
struct Quantile {
    T q;
    Vec<T> slope(Vec<T> p, Vec<T> y) const {
        const Vec<T> s = sign_of<T>(p - y);
        return s * choose<T>(s > 0, all<T>(1 - q), all<T>(q));
    }
};

template <class T>
struct Poisson {
    Vec<T> slope(Vec<T> p, Vec<T> y) const {
        const Vec<T> ratio = y / larger<T>(p, all<T>(tiny<T>));
        return 1 - choose<T>(ratio > std::numeric_limits<T>::max(), all<T>(std::numeric_limits<T>::max()), ratio);
    }
};

template <class T>
struct PoissonOnLogits {
    Vec<T> slope(Vec<T> z, Vec<T> y) const { return exp<T>(z) - y; }
};

// t = 2 y - 1 is the class as -1 or 1.
template <class T>
struct BinaryHinge {
    Vec<T> slope(Vec<T> z, Vec<T> y) const {
        const Vec<T> t = 2 * y - 1;
        return choose<T>(1 - t * z > 0, -t, Vec<T>{});
    }
};

template <class T>
struct SquaredHinge {
    Vec<T> slope(Vec<T> z, Vec<T> y) const {
        const Vec<T> t = 2 * y - 1, lack = 1 - t * z;
        return -2 * t * choose<T>(lack < 0, Vec<T>{}, lack);
    }
};

// Of cross-entropy, with t = (1 - smoothing) y + smoothing / units: -t / p.
template <class T>
struct SmoothCce {
    T smoothing, spread;
    Vec<T> slope(Vec<T> p, Vec<T> y) const {
        return -((1 - smoothing) * y + spread) / larger<T>(p, all<T>(tiny<T>));
    }
};

// softmax(z) - t, row by row.
template <class T>
inline void cce_on_logits(Layer<T> layer, const T* z, const T* y, T smoothing, T scale, T* out) {
    softmax<T>(layer, z, out);
    const T spread = smoothing / T(layer.units);
    for (Index i = 0; i < layer.samples * layer.padded; i += lanes<T>)
        store(out + i, scale * (load(out + i) - ((1 - smoothing) * load(y + i) + spread)));
}

// Of several classes: the strongest rival up and the true class down, where the margin between them is below 1.
template <class T>
inline void hinge(Layer<T> layer, const T* z, const T* y, T scale, T* out) {
    for (Index s = 0; s < layer.samples; ++s, z += layer.padded, y += layer.padded, out += layer.padded) {
        T own = 0, first = -std::numeric_limits<T>::infinity(), second = first;
        for (Index j = 0; j < layer.units; ++j) {
            if (y[j] > 0) {
                own = z[j];
            } else if (z[j] > first) {
                second = first;
                first = z[j];
            } else if (z[j] > second) {
                second = z[j];
            }
        }
        for (Index j = 0; j < layer.units; ++j) {
            const T best_other = z[j] == first ? second : first;
            const T bar = own - 1 > best_other ? own - 1 : best_other;
            const bool past = y[j] > 0 ? 1 + first - z[j] > 0 : z[j] - bar > 0;
            out[j] = past ? scale * (1 - 2 * y[j]) : T(0);
        }
    }
}

// The fields of focal; alpha is below 0 where there is none.
struct Focusing {
    double gamma, alpha;
    double weight(double y) const { return alpha < 0 ? 1 : y > 0 ? alpha : 1 - alpha; }
};

// With p the true class's probability and q = 1 - p: w (gamma q^(gamma - 1) log(p) - q^gamma / p), towards the true class.
template <class T>
inline void focal(Layer<T> layer, const T* prediction, const T* y, Focusing f, T scale, T* out) {
    for (Index s = 0; s < layer.samples; ++s, prediction += layer.padded, y += layer.padded, out += layer.padded) {
        double p = 0, q;
        if (layer.units == 1) {
            p = y[0] > 0 ? prediction[0] : 1 - prediction[0];
            q = y[0] > 0 ? 1 - prediction[0] : prediction[0];
        } else {
            for (Index j = 0; j < layer.units; ++j) p += double(y[j]) * prediction[j];
            q = 1 - p;
        }
        p = p > tiny<T> ? p : tiny<T>;
        q = q > tiny<T> ? q : tiny<T>;
        const double slope =
            f.weight(y[0]) * (f.gamma * std::pow(q, f.gamma - 1) * std::log(p) - std::pow(q, f.gamma) / p);
        for (Index j = 0; j < layer.units; ++j) out[j] = T(scale * slope) * (layer.units == 1 ? 2 * y[0] - 1 : y[j]);
    }
}

// x is the log-odds of the true class: z or -z of two, z_c - log sum_(j != c) exp(z_j) of several. With q = 1 / (1 + exp(x)):
// dJ/dx = -w q^gamma (gamma (1 - q) log(1 + exp(-x)) + q).
template <class T>
inline void focal_on_logits(Layer<T> layer, const T* z, const T* y, Focusing f, T scale, T* out) {
    for (Index s = 0; s < layer.samples; ++s, z += layer.padded, y += layer.padded, out += layer.padded) {
        double own = 0, most = -std::numeric_limits<double>::infinity(), total = 0;
        if (layer.units == 1) {
            own = (2 * y[0] - 1) * double(z[0]);
        } else {
            for (Index j = 0; j < layer.units; ++j) {
                if (y[j] > 0) own = z[j];
                else if (!(z[j] <= most)) most = z[j];
            }
            for (Index j = 0; j < layer.units; ++j) total += y[j] > 0 ? 0 : std::exp(z[j] - most);
            own -= most + std::log(total);
        }
        const double p = 1 / (1 + std::exp(-own)), q = 1 / (1 + std::exp(own));
        const double surprise = (own < 0 ? -own : 0) + std::log1p(std::exp(own < 0 ? own : -own));
        const double slope = -f.weight(y[0]) * std::pow(q, f.gamma) * (f.gamma * p * surprise + q);
        for (Index j = 0; j < layer.units; ++j) {
            const double direction =
                layer.units == 1 ? 2 * y[0] - 1 : y[j] - (y[j] > 0 ? 0 : std::exp(z[j] - most) / total);
            out[j] = T(scale * slope * direction);
        }
    }
}

template <class T, class F>
inline void elementwise(Layer<T> layer, const T* p, const T* y, T scale, T* out, F f) {
    for (Index i = 0; i < layer.samples * layer.padded; i += lanes<T>)
        store(out + i, scale * f.slope(load(p + i), load(y + i)));
}

// factor dJ/dp of some samples, J being a sum over samples; the pads of out become 0, so that they stay 0 in all that follows.
template <class T>
inline void gradient(const Plugin<Loss>& loss, Layer<T> layer, double factor, const T* p, const T* y, T* out) {
    const T first = T(loss.field[0]), per_sample = T(factor), per_entry = T(factor / double(layer.units));
    const Focusing focusing{loss.field[0], loss.field[1]};
    switch (loss.code) {
        case Loss::mse: elementwise(layer, p, y, per_entry, out, Mse<T>{}); break;
        case Loss::mae: elementwise(layer, p, y, per_entry, out, Mae<T>{}); break;
        case Loss::bce: elementwise(layer, p, y, per_entry, out, Bce<T>{}); break;
        case Loss::bce_on_logits: elementwise(layer, p, y, per_entry, out, BceOnLogits<T>{}); break;
        case Loss::cce: elementwise(layer, p, y, per_sample, out, SmoothCce<T>{0, 0}); break;
        case Loss::cce_on_logits: cce_on_logits<T>(layer, p, y, 0, per_sample, out); break;
        case Loss::huber: elementwise(layer, p, y, per_entry, out, Huber<T>{first}); break;
        case Loss::log_cosh: elementwise(layer, p, y, per_entry, out, LogCosh<T>{}); break;
        case Loss::quantile: elementwise(layer, p, y, per_entry, out, Quantile<T>{first}); break;
        case Loss::poisson: elementwise(layer, p, y, per_entry, out, Poisson<T>{}); break;
        case Loss::poisson_on_logits: elementwise(layer, p, y, per_entry, out, PoissonOnLogits<T>{}); break;
        case Loss::squared_hinge: elementwise(layer, p, y, per_sample, out, SquaredHinge<T>{}); break;
        case Loss::hinge:
            if (layer.units == 1) elementwise(layer, p, y, per_sample, out, BinaryHinge<T>{});
            else hinge<T>(layer, p, y, per_sample, out);
            break;
        case Loss::focal: focal<T>(layer, p, y, focusing, per_sample, out); break;
        case Loss::focal_on_logits: focal_on_logits<T>(layer, p, y, focusing, per_sample, out); break;
        case Loss::smooth_cce:
            elementwise(layer, p, y, per_sample, out, SmoothCce<T>{first, first / T(layer.units)});
            break;
        case Loss::smooth_cce_on_logits: cce_on_logits<T>(layer, p, y, first, per_sample, out); break;
    }
    for (Index s = 0; s < layer.samples; ++s)
        for (Index j = layer.units; j < layer.padded; ++j) out[s * layer.padded + j] = 0;
}

}  // namespace nnexp::NNEXP_TARGET
