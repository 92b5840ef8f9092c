// The update of the parameters by the gradient of one batch, for all of theta at once.
// The rules are those of nnexp.builtin.optimizers and of the distribution nnexp-optimizers, with the same state:
// running sums instead of running means. Numbers that are the same for all parameters are computed in double.
#pragma once

#include "plan.hpp"
#include "simd.hpp"

namespace nnexp::NNEXP_TARGET {

// Arrays of the length of theta that a rule has as its memory, in the order of Arrays::state.
inline size_t memory_of(Optimizer rule) {
    switch (rule) {
        case Optimizer::gradient_descent: return 0;
        case Optimizer::momentum:
        case Optimizer::nesterov:
        case Optimizer::adagrad:
        case Optimizer::rmsprop: return 1;
        case Optimizer::adam:
        case Optimizer::adamw: return 2;
    }
    return 0;
}

template <class T>
struct GradientDescent {  // theta <- theta - rate g
    using V = Vec<T>;
    T rate;
    V step(V theta, V g, size_t) const { return theta - g * rate; }
};

template <class T>
struct Momentum {  // v <- momentum v - rate g, theta <- theta + v (Polyak, 1964)
    using V = Vec<T>;
    T rate, momentum;
    T* velocity;
    V step(V theta, V g, size_t i) const {
        const V v = load(velocity + i) * momentum - g * rate;
        store(velocity + i, v);
        return theta + v;
    }
};

template <class T>
struct Nesterov {  // v <- ahead - rate g, ahead <- momentum v, theta <- theta + ahead - rate g (Nesterov, 1983)
    using V = Vec<T>;
    T rate, momentum;
    T* ahead;
    V step(V theta, V g, size_t i) const {
        const V v = (load(ahead + i) - g * rate) * momentum;
        store(ahead + i, v);
        return theta + v - g * rate;
    }
};

// s <- kept s + g^2, theta <- theta - rate g / (sqrt(s) + epsilon): adagrad with kept = 1 (Duchi et al., 2011); rmsprop
// with kept = rho, rate / sqrt(1 - rho) and epsilon / sqrt(1 - rho) (Tieleman and Hinton, 2012).
template <class T>
struct Adaptive {
    using V = Vec<T>;
    T rate, kept, epsilon;
    T* squares;
    V step(V theta, V g, size_t i) const {
        const V s = load(squares + i) * kept + g * g;
        store(squares + i, s);
        return theta - g / (square_root(s) + epsilon) * rate;
    }
};

// m <- beta1 m + g, v <- beta2 v + g^2, theta <- shrink theta - rate m / (sqrt(v) + epsilon): adam (Kingma and Ba,
// 2015), with the corrections for t steps in rate and epsilon; adamw (Loshchilov and Hutter, 2019) with shrink = 1 -
// rate weight_decay.
template <class T>
struct Adam {
    using V = Vec<T>;
    T rate, beta1, beta2, epsilon, shrink;
    T *m, *v;
    V step(V theta, V g, size_t i) const {
        const V mean = load(m + i) * beta1 + g, square = load(v + i) * beta2 + g * g;
        store(m + i, mean);
        store(v + i, square);
        return theta * shrink - mean / (square_root(square) + epsilon) * rate;
    }
};

// The memory of a run's optimizer, padded like theta, and adam's t.
template <class T>
struct Memory {
    T* arrays[2];
    T* t;
};

// Calls use(rule) with the rule for the next step; `numbers` are the optimizer's fields after batch_size and
// learning_rate.
template <class T, class Use>
inline void with_rule(const Chosen<Optimizer>& chosen, double learning_rate, const Memory<T>& memory, Use use) {
    const double* n = chosen.numbers;
    const double rate = double(T(learning_rate));
    T* first = memory.arrays[0];
    switch (chosen.kind) {
        case Optimizer::gradient_descent: return use(GradientDescent<T>{T(rate)});
        case Optimizer::momentum: return use(Momentum<T>{T(rate), T(n[0]), first});
        case Optimizer::nesterov: return use(Nesterov<T>{T(rate), T(n[0]), first});
        case Optimizer::adagrad: return use(Adaptive<T>{T(rate), T(1), T(n[0]), first});
        case Optimizer::rmsprop: {
            const double root = __builtin_sqrt(1 - n[0]);
            return use(Adaptive<T>{T(rate / root), T(n[0]), T(n[1] / root), first});
        }
        case Optimizer::adam:
        case Optimizer::adamw: {
            const double beta1 = n[0], beta2 = n[1], t = double(*memory.t) + 1;
            *memory.t = T(t);
            const double c = __builtin_sqrt((1 - __builtin_pow(beta2, t)) / (1 - beta2));
            const double step = rate * c * (1 - beta1) / (1 - __builtin_pow(beta1, t));
            const double shrink = chosen.kind == Optimizer::adamw ? 1 - rate * n[3] : 1;
            return use(Adam<T>{T(step), T(beta1), T(beta2), T(c * n[2]), T(shrink), first, memory.arrays[1]});
        }
    }
}

// What adagrad and rmsprop leave in their second array: sqrt(s) + epsilon of the last step.
template <class T>
void write_scratch(const Chosen<Optimizer>& chosen, size_t n, const T* squares, T* scratch) {
    const bool rms = chosen.kind == Optimizer::rmsprop;
    const T epsilon = rms ? T(chosen.numbers[1] / __builtin_sqrt(1 - chosen.numbers[0])) : T(chosen.numbers[0]);
    for (size_t i = 0; i < n; ++i) scratch[i] = T(__builtin_sqrt(squares[i])) + epsilon;
}

}  // namespace nnexp::NNEXP_TARGET
