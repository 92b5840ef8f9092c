// The activations that are functions of one number: a = value(z) and its derivative slope(z, a), 0 at a kink.
// The formulas are those of nnexp.builtin.activations and of the distribution nnexp-activations.
#pragma once

#include "normal.hpp"
#include "sine.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct Identity {
    using V = Vec<T>;
    V value(V z) const { return z; }
    V slope(V, V) const { return spread<V>(1); }
};

template <class T>
struct Relu {  // max(z, 0)
    using V = Vec<T>;
    V value(V z) const { return at_least(z, 0); }
    V slope(V, V a) const { return a > T(0) ? spread<V>(1) : spread<V>(0); }
};

template <class T>
struct LeakyRelu {  // z where z > 0, else alpha z
    using V = Vec<T>;
    T alpha;
    V value(V z) const { return z * alpha > z ? z * alpha : z; }
    V slope(V z, V) const { return z > T(0) ? spread<V>(1) : z < T(0) ? spread<V>(alpha) : spread<V>(0); }
};

template <class T>
struct Sigmoid {  // 1 / (1 + exp(-z))
    using V = Vec<T>;
    V value(V z) const { return sigmoid(z); }
    V slope(V, V a) const { return a * (T(1) - a); }
};

template <class T>
struct Tanh {
    using V = Vec<T>;
    V value(V z) const { return tanh(z); }
    V slope(V, V a) const { return T(1) - a * a; }
};

template <class T>
struct Exp {
    using V = Vec<T>;
    V value(V z) const { return exp(z); }
    V slope(V, V a) const { return a; }
};

template <class T>
struct ExponentialLinear {  // above z where z > 0, else below (exp(z) - 1): elu and selu
    using V = Vec<T>;
    T above, below;
    V value(V z) const { return expm1(at_most(z, 0)) * below + at_least(z, 0) * above; }
    V slope(V z, V) const {
        const V at_zero = spread<V>(above == below ? above : T(0));
        return z > T(0) ? spread<V>(above) : z == T(0) ? at_zero : exp(at_most(z, 0)) * below;
    }
};

template <class T>
struct Softplus {  // log(1 + exp(z)); its slope, the sigmoid, is 1 - exp(-a)
    using V = Vec<T>;
    V value(V z) const { return softplus(z); }
    V slope(V, V a) const { return -expm1(-a); }
};

template <class T>
struct Silu {  // z s, s = 1 / (1 + exp(-z)); s (1 + z (1 - s))
    using V = Vec<T>;
    V value(V z) const { return z / (exp(-z) + T(1)); }
    V slope(V z, V) const { return (z / (exp(z) + T(1)) + T(1)) / (exp(-z) + T(1)); }
};

template <class T>
struct Gelu {  // z Phi(z); Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)
    using V = Vec<T>;
    V value(V z) const { return z * normal_distribution(z).phi; }
    V slope(V z, V) const {
        const Normal<V> normal = normal_distribution(z);
        return normal.phi + z * normal.exponential * T(0.39894228040143267794);
    }
};

template <class T>
struct Mish {  // z n / (n + 2), n = e (e + 2), e = exp(z): tanh(log(1 + e)) is n / (n + 2)
    using V = Vec<T>;
    V value(V z) const {
        const V e = exp(z), n = e * (e + T(2));
        return z / (T(2) / n + T(1));
    }
    V slope(V z, V) const {
        const V x = at_most(z, 30), e = exp(x), n = e * (e + T(2));  // from 30 on the slope is 1 to the last digit
        return (T(4) * (e + T(1)) * (x * e) / (n + T(2)) + n) / (n + T(2));
    }
};

template <class T>
struct Softsign {  // z / (1 + |z|)
    using V = Vec<T>;
    V value(V z) const { return z / (magnitude(z) + T(1)); }
    V slope(V z, V) const {
        const V root = magnitude(z) + T(1);
        return T(1) / root / root;
    }
};

template <class T>
struct HardTanh {  // min(max(z, -1), 1)
    using V = Vec<T>;
    V value(V z) const { return at_most(at_least(z, -1), 1); }
    V slope(V, V a) const { return magnitude(a) < T(1) ? spread<V>(1) : spread<V>(0); }
};

template <class T>
struct HardSigmoid {  // min(max(z / 6 + 1/2, 0), 1)
    using V = Vec<T>;
    V value(V z) const { return at_most(at_least(z / T(6) + T(0.5), 0), 1); }
    V slope(V, V a) const {
        return (a > T(0) ? spread<V>(1) : spread<V>(0)) * (a < T(1) ? spread<V>(T(1) / 6) : spread<V>(0));
    }
};

template <class T>
struct Sine {  // sin(omega z)
    using V = Vec<T>;
    T omega;
    V value(V z) const { return sin(z * omega); }
    V slope(V z, V) const { return cos(z * omega) * omega; }
};

}  // namespace nnexp::NNEXP_TARGET
