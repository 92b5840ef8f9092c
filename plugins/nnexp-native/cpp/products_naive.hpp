// The three matrix products of a layer as a textbook writes them: three loops each, one number at a time.
#pragma once

#include "layer.hpp"

namespace nnexp::NNEXP_TARGET::naive {

// z[s][j] = b[j] + sum over k of a[s][k] w[k][j]
template <class T>
void forward(const Layer<T>& layer, const T* w, Input<T> a, size_t samples, T* z) {
    const T* bias = w + layer.n_in * layer.width;
    for (size_t s = 0; s < samples; ++s)
        for (size_t j = 0; j < layer.n_out; ++j) {
            T sum = bias[j];
            for (size_t k = 0; k < layer.n_in; ++k) sum += a.data[s * a.stride + k] * w[k * layer.width + j];
            z[s * layer.stride + j] = sum;
        }
}

// grad[k][j] = sum over s of a[s][k] delta[s][j], and the biases' as if a were 1; added to what is there where `add`.
template <class T>
void gradient(const Layer<T>& layer, Input<T> a, size_t samples, const T* delta, T* grad, bool add) {
    for (size_t k = 0; k <= layer.n_in; ++k)
        for (size_t j = 0; j < layer.n_out; ++j) {
            T sum = add ? grad[k * layer.width + j] : T(0);
            for (size_t s = 0; s < samples; ++s)
                sum += (k < layer.n_in ? a.data[s * a.stride + k] : T(1)) * delta[s * layer.stride + j];
            grad[k * layer.width + j] = sum;
        }
}

// below[s][k] = sum over j of delta[s][j] w[k][j]
template <class T>
void backward(const Layer<T>& layer, const T* w, const T* delta, size_t samples, T* below, size_t stride) {
    for (size_t s = 0; s < samples; ++s)
        for (size_t k = 0; k < layer.n_in; ++k) {
            T sum = 0;
            for (size_t j = 0; j < layer.n_out; ++j) sum += delta[s * layer.stride + j] * w[k * layer.width + j];
            below[s * stride + k] = sum;
        }
}

}  // namespace nnexp::NNEXP_TARGET::naive
