// The activations a = f(z), and dJ/dz = dJ/da f'(z). Formulas and sources are those of the plugins.
//
// An activation here is a struct with the plugin's fields and two functions of a vector: value(z), and slope(z, a), which is
// f'(z) by whichever of z and a = f(z) is cheaper. Softmax mixes a sample's units and is a case of its own.
#pragma once

#include <limits>

#include "elementary.hpp"
#include "kernel.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct Identity {
    Vec<T> value(Vec<T> z) const { return z; }
    Vec<T> slope(Vec<T>, Vec<T>) const { return all<T>(1); }
};

template <class T>
struct Sigmoid {
    Vec<T> value(Vec<T> z) const { return sigmoid<T>(z); }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return a * (1 - a); }
};

template <class T>
struct Tanh {
    Vec<T> value(Vec<T> z) const { return tanh<T>(z); }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return 1 - a * a; }
};

template <class T>
struct Relu {
    Vec<T> value(Vec<T> z) const { return choose<T>(z < 0, Vec<T>{}, z); }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return sign_of<T>(a); }  // a >= 0
};

// alpha z where z < 0; the slope is 0 at the kink.
template <class T>
struct LeakyRelu {
    T alpha;
    Vec<T> value(Vec<T> z) const { return choose<T>(z < 0, alpha * z, z); }
    Vec<T> slope(Vec<T> z, Vec<T>) const { return choose<T>(z < 0, all<T>(alpha), sign_of<T>(z)); }
};

// above z where z > 0, else below (exp(z) - 1); the slope is 0 at 0 unless it is the same from both sides. elu, selu.
template <class T>
struct ExponentialLinear {
    T above, below;
    Vec<T> value(Vec<T> z) const {
        return choose<T>(z > 0, above * z, below * exp_minus_one<T>(choose<T>(z > 0, Vec<T>{}, z)));
    }
    Vec<T> slope(Vec<T> z, Vec<T>) const {
        const Vec<T> at_kink = all<T>(above == below ? above : T(0));
        const Vec<T> falling = below * exp<T>(choose<T>(z > 0, Vec<T>{}, z));
        return choose<T>(z > 0, all<T>(above), choose<T>(z == 0, at_kink, falling));
    }
};

template <class T>
struct Gelu {
    Vec<T> value(Vec<T> z) const { return z * normal_distribution<T>(z); }
    Vec<T> slope(Vec<T> z, Vec<T>) const {
        return normal_distribution<T>(z) + z * (exp<T>(T(-0.5) * z * z) * T(0.39894228040143267794));
    }
};

// z s with s = 1 / (1 + exp(-z)); the slope is s (1 + z (1 - s)) with 1 - s = 1 / (1 + exp(z)).
template <class T>
struct Silu {
    Vec<T> value(Vec<T> z) const { return z / (1 + exp<T>(-z)); }
    Vec<T> slope(Vec<T> z, Vec<T>) const { return (1 + z / (1 + exp<T>(z))) / (1 + exp<T>(-z)); }
};

// With e = exp(z) and n = e (e + 2): z n / (n + 2), and the slope (n + 4 z e (e + 1) / (n + 2)) / (n + 2).
template <class T>
struct Mish {
    static constexpr T open = 30;  // from here on gate and slope are 1 to the last place
    Vec<T> value(Vec<T> z) const {
        const Vec<T> e = exp<T>(z);
        return z / (1 + 2 / (e * (e + 2)));
    }
    Vec<T> slope(Vec<T> z, Vec<T>) const {
        const Vec<T> x = choose<T>(z > open, all<T>(open), z);
        const Vec<T> e = exp<T>(x), n = e * (e + 2);
        return (n + 4 * (x * e) * (e + 1) / (n + 2)) / (n + 2);
    }
};

template <class T>
struct Softplus {
    Vec<T> value(Vec<T> z) const { return softplus<T>(z); }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return -exp_minus_one<T>(-a); }
};

template <class T>
struct Softsign {
    Vec<T> value(Vec<T> z) const { return z / (1 + magnitude<T>(z)); }
    Vec<T> slope(Vec<T> z, Vec<T>) const {
        const Vec<T> root = 1 + magnitude<T>(z);
        return 1 / root / root;
    }
};

template <class T>
struct HardSigmoid {
    Vec<T> value(Vec<T> z) const {
        const Vec<T> a = z / 6 + T(0.5);
        return choose<T>(a < 0, Vec<T>{}, choose<T>(a > 1, all<T>(1), a));
    }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return choose<T>((a > 0) & (a < 1), all<T>(T(1) / 6), Vec<T>{}); }
};

template <class T>
struct HardTanh {
    Vec<T> value(Vec<T> z) const { return choose<T>(z < -1, all<T>(-1), choose<T>(z > 1, all<T>(1), z)); }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return choose<T>(magnitude<T>(a) < 1, all<T>(1), Vec<T>{}); }
};

template <class T>
struct Sine {
    T omega;
    Vec<T> value(Vec<T> z) const {
        return each<T>(omega * z, [](T lane) { return std::sin(lane); });
    }
    Vec<T> slope(Vec<T> z, Vec<T>) const {
        return omega * each<T>(omega * z, [](T lane) { return std::cos(lane); });
    }
};

template <class T>
struct Exp {
    Vec<T> value(Vec<T> z) const { return exp<T>(z); }
    Vec<T> slope(Vec<T>, Vec<T> a) const { return a; }
};

// A layer's arrays for some samples: rows of `padded` numbers, of which the first `units` count.
template <class T>
struct Layer {
    Index samples, units, padded;
};

// a_i = exp(z_i - max z) / sum_j exp(z_j - max z).
template <class T>
inline void softmax(Layer<T> layer, const T* z, T* a) {
    constexpr int n = lanes<T>;
    const Vec<T> lowest = all<T>(-std::numeric_limits<T>::infinity());
    Mask<T> number;
    for (int i = 0; i < n; ++i) number[i] = i;
    for (Index s = 0; s < layer.samples; ++s, z += layer.padded, a += layer.padded) {
        Vec<T> top = lowest, sum{};
        const auto there = [&](Index j) -> Mask<T> { return number < Bits<T>(layer.units - j); };
        for (Index j = 0; j < layer.padded; j += n) top = larger<T>(choose<T>(there(j), load(z + j), lowest), top);
        const T most = largest_of<T>(top);
        for (Index j = 0; j < layer.padded; j += n) {
            const Vec<T> e = choose<T>(there(j), exp<T>(load(z + j) - most), Vec<T>{});
            sum += e;
            store(a + j, e);
        }
        const T inverse = 1 / sum_of<T>(sum);
        for (Index j = 0; j < layer.padded; j += n) store(a + j, load(a + j) * inverse);
    }
}

// dJ/dz_i = a_i (dJ/da_i - sum_j a_j dJ/da_j).
template <class T>
inline void softmax_slope(Layer<T> layer, const T* a, T* grad) {
    constexpr int n = lanes<T>;
    for (Index s = 0; s < layer.samples; ++s, a += layer.padded, grad += layer.padded) {
        Vec<T> sum{};
        for (Index j = 0; j < layer.padded; j += n) sum += load(a + j) * load(grad + j);
        const T mean = sum_of<T>(sum);
        for (Index j = 0; j < layer.padded; j += n) store(grad + j, load(a + j) * (load(grad + j) - mean));
    }
}

// Call `use` with the struct of an element-wise activation.
template <class T, class Use>
inline void with(const Plugin<Activation>& plugin, Use use) {
    const T first = T(plugin.field[0]);
    constexpr T scale = T(1.0507009873554804934), alpha = T(1.6732632423543772848);  // Klambauer et al., 2017
    switch (plugin.code) {
        case Activation::identity: return use(Identity<T>{});
        case Activation::sigmoid: return use(Sigmoid<T>{});
        case Activation::tanh: return use(Tanh<T>{});
        case Activation::relu: return use(Relu<T>{});
        case Activation::leaky_relu: return use(LeakyRelu<T>{first});
        case Activation::elu: return use(ExponentialLinear<T>{1, first});
        case Activation::selu: return use(ExponentialLinear<T>{scale, scale * alpha});
        case Activation::gelu: return use(Gelu<T>{});
        case Activation::silu: return use(Silu<T>{});
        case Activation::mish: return use(Mish<T>{});
        case Activation::softplus: return use(Softplus<T>{});
        case Activation::softsign: return use(Softsign<T>{});
        case Activation::hard_sigmoid: return use(HardSigmoid<T>{});
        case Activation::hard_tanh: return use(HardTanh<T>{});
        case Activation::sine: return use(Sine<T>{first});
        case Activation::exp: return use(Exp<T>{});
        case Activation::softmax: return;  // not element-wise
    }
}

// a = f(z); a may be z itself where the slope does not need z.
template <class T>
inline void forward(const Plugin<Activation>& plugin, Layer<T> layer, const T* z, T* a) {
    if (plugin.code == Activation::softmax) return softmax<T>(layer, z, a);
    const Index count = layer.samples * layer.padded;
    with<T>(plugin, [=](auto f) {
        for (Index i = 0; i < count; i += lanes<T>) store(a + i, f.value(load(z + i)));
    });
}

// grad becomes dJ/dz from dJ/da.
template <class T>
inline void backward(const Plugin<Activation>& plugin, Layer<T> layer, const T* z, const T* a, T* grad) {
    if (plugin.code == Activation::identity) return;
    if (plugin.code == Activation::softmax) return softmax_slope<T>(layer, a, grad);
    const Index count = layer.samples * layer.padded;
    with<T>(plugin, [=](auto f) {
        for (Index i = 0; i < count; i += lanes<T>) store(grad + i, load(grad + i) * f.slope(load(z + i), load(a + i)));
    });
}

}  // namespace nnexp::NNEXP_TARGET
