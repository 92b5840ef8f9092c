// Losses that add up what each prediction p and its target y make of J: value(p, y) and its derivative by p, both
// without the factor of the mean. The formulas are those of nnexp.builtin.losses and of the distribution nnexp-losses.
#pragma once

#include "elementary.hpp"

namespace nnexp::NNEXP_TARGET {

template <class V>
inline V sign(V x) {  // -1, 0 or 1; NaN stays
    return x > Element<V>(0) ? spread<V>(1) : x < Element<V>(0) ? spread<V>(-1) : x;
}

template <class T>
struct Mse {  // mean((p - y)^2)
    using V = Vec<T>;
    V value(V p, V y) const { return (p - y) * (p - y); }
    V gradient(V p, V y) const { return T(2) * (p - y); }
};

template <class T>
struct Mae {  // mean(|p - y|)
    using V = Vec<T>;
    V value(V p, V y) const { return magnitude(p - y); }
    V gradient(V p, V y) const { return sign(p - y); }
};

template <class T>
struct Huber {  // mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)), r = p - y
    using V = Vec<T>;
    T delta;
    V value(V p, V y) const {
        const V size = magnitude(p - y), near = at_most(size, delta);
        return near * (size - near * T(0.5));
    }
    V gradient(V p, V y) const { return at_most(at_least(p - y, -delta), delta); }
};

template <class T>
struct LogCosh {  // mean(log(cosh(p - y)))
    using V = Vec<T>;
    V value(V p, V y) const { return log_cosh(p - y); }
    V gradient(V p, V y) const { return tanh(p - y); }
};

template <class T>
struct Quantile {  // mean((1 - q) r where r > 0, else -q r), r = p - y
    using V = Vec<T>;
    T q, rest;  // rest = 1 - q
    V value(V p, V y) const {
        const V r = p - y;
        return r > T(0) ? r * rest : r * -q;
    }
    V gradient(V p, V y) const {
        const V r = sign(p - y);
        return r * (r > T(0) ? spread<V>(rest) : spread<V>(q));
    }
};

template <class T>
struct Bce {  // -mean(y log(p) + (1 - y) log(1 - p))
    using V = Vec<T>;
    V value(V p, V y) const {
        return -(y * log(at_least(p, Format<T>::TINY)) + (T(1) - y) * log(at_least(T(1) - p, Format<T>::TINY)));
    }
    V gradient(V p, V y) const {
        return (T(1) - y) / at_least(T(1) - p, Format<T>::TINY) - y / at_least(p, Format<T>::TINY);
    }
};

template <class T>
struct BceOnLogits {  // the same with p = 1 / (1 + exp(-z)): max(z, 0) - y z + log(1 + exp(-|z|))
    using V = Vec<T>;
    V value(V z, V y) const { return at_least(z, 0) - y * z + log1p(exp(-magnitude(z))); }
    V gradient(V z, V y) const { return sigmoid(z) - y; }
};

template <class T>
struct Cce {  // -sum over classes of t log(p), t = (1 - smoothing) y + smoothing / n_classes
    using V = Vec<T>;
    T kept, spread_;  // 1 - smoothing, smoothing / n_classes
    V value(V p, V y) const { return -(kept * y + spread_) * log(at_least(p, Format<T>::TINY)); }
    V gradient(V p, V y) const { return -(kept * y + spread_) / at_least(p, Format<T>::TINY); }
};

template <class T>
struct SignedHinge {  // max(0, 1 - t z), t = 2 y - 1 (of several classes see classes.hpp)
    using V = Vec<T>;
    V value(V z, V y) const { return at_least(T(1) - (T(2) * y - T(1)) * z, 0); }
    V gradient(V z, V y) const {
        const V t = T(2) * y - T(1);
        return T(1) - t * z > T(0) ? -t : V{};
    }
};

template <class T>
struct SquaredHinge {  // max(0, 1 - t z)^2
    using V = Vec<T>;
    V value(V z, V y) const {
        const V lack = at_least(T(1) - (T(2) * y - T(1)) * z, 0);
        return lack * lack;
    }
    V gradient(V z, V y) const {
        const V t = T(2) * y - T(1);
        return T(-2) * t * at_least(T(1) - t * z, 0);
    }
};

template <class T>
struct Poisson {  // mean(p - y log(p))
    using V = Vec<T>;
    V value(V p, V y) const { return p - y * log(at_least(p, Format<T>::TINY)); }
    V gradient(V p, V y) const { return T(1) - at_most(y / at_least(p, Format<T>::TINY), Format<T>::HUGE_); }
};

template <class T>
struct PoissonOnLogits {  // the same with p = exp(z): mean(exp(z) - y z)
    using V = Vec<T>;
    V value(V z, V y) const { return exp(z) - y * z; }
    V gradient(V z, V y) const { return exp(z) - y; }
};

}  // namespace nnexp::NNEXP_TARGET
