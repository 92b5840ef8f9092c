// The optimizers: theta and their memory changed by the gradient g of one batch. Formulas and sources are those of the plugins.
#pragma once

#include "elementary.hpp"
#include "kernel.hpp"

namespace nnexp::NNEXP_TARGET {

// Flat arrays of `count` numbers, a whole number of vectors.
template <class T>
struct Memory {
    Index count;
    T* theta;
    T* grad;
    T* state[2];
    double steps;  // so far
};

// theta <- theta - rate g
template <class T>
inline void descent(Memory<T>& at, T rate) {
    for (Index i = 0; i < at.count; i += lanes<T>) store(at.theta + i, load(at.theta + i) - rate * load(at.grad + i));
}

// v <- momentum v - rate g, theta <- theta + v
template <class T>
inline void momentum(Memory<T>& at, T rate, T momentum) {
    for (Index i = 0; i < at.count; i += lanes<T>) {
        const Vec<T> v = momentum * load(at.state[0] + i) - rate * load(at.grad + i);
        store(at.state[0] + i, v);
        store(at.theta + i, load(at.theta + i) + v);
    }
}

// ahead <- momentum (ahead - rate g), theta <- theta + ahead - rate g
template <class T>
inline void nesterov(Memory<T>& at, T rate, T momentum) {
    for (Index i = 0; i < at.count; i += lanes<T>) {
        const Vec<T> step = rate * load(at.grad + i);
        const Vec<T> ahead = momentum * (load(at.state[0] + i) - step);
        store(at.state[0] + i, ahead);
        store(at.theta + i, load(at.theta + i) + ahead - step);
    }
}

// s <- kept s + g^2, theta <- theta - rate g / (sqrt(s) + epsilon). Adagrad keeps all of s; of RMSprop's running mean s is
// 1 / (1 - rho) times, so that rate and epsilon are divided by sqrt(1 - rho).
template <class T>
inline void by_squares(Memory<T>& at, T rate, T kept, T epsilon) {
    for (Index i = 0; i < at.count; i += lanes<T>) {
        const Vec<T> g = load(at.grad + i), s = kept * load(at.state[0] + i) + g * g;
        const Vec<T> root = square_root<T>(s) + epsilon;
        store(at.state[0] + i, s);
        store(at.state[1] + i, root);
        store(at.theta + i, load(at.theta + i) - rate * (g / root));
    }
}

// With the sums m <- beta1 m + g and v <- beta2 v + g^2, c = sqrt((1 - beta2^t) / (1 - beta2)) and t the step's number:
// theta <- (1 - rate decay) theta - rate c (1 - beta1) / (1 - beta1^t) m / (sqrt(v) + c epsilon). Adam has no decay.
template <class T>
inline void adam(Memory<T>& at, double rate, const double* field, double decay) {
    const double beta1 = field[0], beta2 = field[1], t = ++at.steps;
    const double c = std::sqrt((1 - std::pow(beta2, t)) / (1 - beta2));
    const T step = T(rate * c * (1 - beta1) / (1 - std::pow(beta1, t))), epsilon = T(c * field[2]);
    const T first = T(beta1), second = T(beta2), stays = T(1 - rate * decay);
    for (Index i = 0; i < at.count; i += lanes<T>) {
        const Vec<T> g = load(at.grad + i);
        const Vec<T> m = first * load(at.state[0] + i) + g, v = second * load(at.state[1] + i) + g * g;
        store(at.state[0] + i, m);
        store(at.state[1] + i, v);
        store(at.theta + i, stays * load(at.theta + i) - step * (m / (square_root<T>(v) + epsilon)));
    }
}

template <class T>
inline void update(const Plugin<Optimizer>& plugin, Memory<T>& at, double rate) {
    const double* field = plugin.field;
    switch (plugin.code) {
        case Optimizer::descent: return descent<T>(at, T(rate));
        case Optimizer::momentum: return momentum<T>(at, T(rate), T(field[0]));
        case Optimizer::nesterov: return nesterov<T>(at, T(rate), T(field[0]));
        case Optimizer::adagrad: return by_squares<T>(at, T(rate), 1, T(field[0]));
        case Optimizer::rmsprop: {
            const double root = std::sqrt(1 - field[0]);
            return by_squares<T>(at, T(rate / root), T(field[0]), T(field[1] / root));
        }
        case Optimizer::adam: return adam<T>(at, rate, field, 0);
        case Optimizer::adamw: return adam<T>(at, rate, field, field[3]);
    }
}

}  // namespace nnexp::NNEXP_TARGET
