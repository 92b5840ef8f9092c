// Activations of rows of samples: the formulas applied to each unit, and softmax, which takes a whole row.
#pragma once

#include "formulas.hpp"
#include "plan.hpp"
#include "rows.hpp"

namespace nnexp::NNEXP_TARGET {

// Calls use(formula) with the formula that was chosen; softmax has none.
template <class T, class Use>
inline void with_formula(const Chosen<Activation>& chosen, Use use) {
    constexpr double SELU_SCALE = 1.0507009873554804934, SELU_ALPHA = 1.6732632423543772848;
    switch (chosen.kind) {
        case Activation::identity: return use(Identity<T>{});
        case Activation::relu: return use(Relu<T>{});
        case Activation::leaky_relu: return use(LeakyRelu<T>{T(chosen.numbers[0])});
        case Activation::sigmoid: return use(Sigmoid<T>{});
        case Activation::tanh: return use(Tanh<T>{});
        case Activation::exp: return use(Exp<T>{});
        case Activation::elu: return use(ExponentialLinear<T>{T(1), T(chosen.numbers[0])});
        case Activation::selu: return use(ExponentialLinear<T>{T(SELU_SCALE), T(SELU_SCALE * SELU_ALPHA)});
        case Activation::softplus: return use(Softplus<T>{});
        case Activation::silu: return use(Silu<T>{});
        case Activation::gelu: return use(Gelu<T>{});
        case Activation::mish: return use(Mish<T>{});
        case Activation::softsign: return use(Softsign<T>{});
        case Activation::hard_tanh: return use(HardTanh<T>{});
        case Activation::hard_sigmoid: return use(HardSigmoid<T>{});
        case Activation::sine: return use(Sine<T>{T(chosen.numbers[0])});
        case Activation::softmax: return;
    }
}

// a_i = exp(z_i - max z) / sum_j exp(z_j - max z) of each row; the pads, which are 0 in z, become 0 in a.
template <class T>
inline void softmax(const Rows& rows, const T* z, T* a) {
    using V = Vec<T>;
    constexpr size_t L = LANES<T>;
    const size_t last = rows.width - L;
    const Mask<V> inside = first_lanes<V>(rows.units - last);
    const V nothing = spread<V>(-__builtin_inf());
    for (size_t s = 0; s < rows.count; ++s) {  // three passes: each has many rows under way at a time
        const T* from = z + s * rows.stride;
        T* to = a + s * rows.stride;
        V most = inside ? load(from + last) : nothing;
        for (size_t j = 0; j < last; j += L) {
            const V here = load(from + j);
            most = here > most ? here : most;  // NaN is left to the sum
        }
        const V shift = spread<V>(largest(most));
        for (size_t j = 0; j < last; j += L) store(to + j, load(from + j) - shift);
        store(to + last, inside ? load(from + last) - shift : nothing);
    }
    each_vector<T>(rows, [&](size_t i) { store(a + i, exp_beside_one(load(a + i))); });
    for (size_t s = 0; s < rows.count; ++s) {
        T* to = a + s * rows.stride;
        V total{};
        for (size_t j = 0; j < rows.width; j += L) total += load(to + j);
        const V inverse = spread<V>(T(1) / sum(total));
        for (size_t j = 0; j < rows.width; j += L) store(to + j, load(to + j) * inverse);
    }
}

template <class T>
void forward(const Chosen<Activation>& chosen, const Rows& rows, const T* z, T* a) {
    with_formula<T>(chosen,
                    [&](auto f) { each_vector<T>(rows, [&](size_t i) { store(a + i, f.value(load(z + i))); }); });
    if (chosen.kind == Activation::softmax) softmax(rows, z, a);
}

// dJ/dz_i = a_i (dJ/da_i - sum_j a_j dJ/da_j) of one row.
template <class T>
inline void softmax_row_backward(const Rows& rows, const T* a, T* grad) {
    using V = Vec<T>;
    V products{};
    for (size_t j = 0; j < rows.width; j += LANES<T>) products += load(grad + j) * load(a + j);
    const V mean = spread<V>(sum(products));
    for (size_t j = 0; j < rows.width; j += LANES<T>) store(grad + j, (load(grad + j) - mean) * load(a + j));
}

// Turn grad from dJ/da into dJ/dz, in place.
template <class T>
void backward(const Chosen<Activation>& chosen, const Rows& rows, const T* z, const T* a, T* grad) {
    if (chosen.kind == Activation::identity) return;
    with_formula<T>(chosen, [&](auto f) {
        each_vector<T>(rows, [&](size_t i) { store(grad + i, load(grad + i) * f.slope(load(z + i), load(a + i))); });
    });
    if (chosen.kind == Activation::softmax)
        for (size_t s = 0; s < rows.count; ++s) softmax_row_backward(rows, a + s * rows.stride, grad + s * rows.stride);
}

}  // namespace nnexp::NNEXP_TARGET
