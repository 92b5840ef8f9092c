// The same three products in blocks that stay in the first cache, with the loops in an order in which the innermost one
// goes along memory: the compiler makes vectors of it. All are sums of `out[j] += factor * row[j]`.
#pragma once

#include "layer.hpp"

namespace nnexp::NNEXP_TARGET::blocked {

inline constexpr size_t BLOCK = 64;  // rows and columns of a block: of numbers of 8 bytes it has 32 KB

inline size_t end_of(size_t start, size_t end) { return start + BLOCK < end ? start + BLOCK : end; }

template <class T>
inline void add_multiple(T* out, const T* row, T factor, size_t n) {
    for (size_t j = 0; j < n; ++j) out[j] += factor * row[j];
}

// z = b; for each block of w: z[s][j] += a[s][k] w[k][j]
template <class T>
void forward(const Layer<T>& layer, const T* w, Input<T> a, size_t samples, T* z) {
    const T* bias = w + layer.n_in * layer.width;
    for (size_t s = 0; s < samples; ++s)
        for (size_t j = 0; j < layer.n_out; ++j) z[s * layer.stride + j] = bias[j];
    for (size_t k0 = 0; k0 < layer.n_in; k0 += BLOCK)
        for (size_t j0 = 0; j0 < layer.n_out; j0 += BLOCK)
            for (size_t s = 0; s < samples; ++s)
                for (size_t k = k0; k < end_of(k0, layer.n_in); ++k)
                    add_multiple(z + s * layer.stride + j0, w + k * layer.width + j0, a.data[s * a.stride + k],
                                 end_of(j0, layer.n_out) - j0);
}

// for each block of grad: grad[k][j] += a[s][k] delta[s][j]
template <class T>
void gradient(const Layer<T>& layer, Input<T> a, size_t samples, const T* delta, T* grad, bool add) {
    for (size_t i = 0; !add && i < layer.weights.size(); ++i) grad[i] = 0;
    for (size_t k0 = 0; k0 < layer.n_in; k0 += BLOCK)
        for (size_t j0 = 0; j0 < layer.n_out; j0 += BLOCK)
            for (size_t s = 0; s < samples; ++s)
                for (size_t k = k0; k < end_of(k0, layer.n_in); ++k)
                    add_multiple(grad + k * layer.width + j0, delta + s * layer.stride + j0, a.data[s * a.stride + k],
                                 end_of(j0, layer.n_out) - j0);
    for (size_t s = 0; s < samples; ++s)
        add_multiple(grad + layer.n_in * layer.width, delta + s * layer.stride, T(1), layer.n_out);
}

// for each block of W, transposed before: below[s][k] += delta[s][j] W[j][k]
template <class T>
void backward(const Layer<T>& layer, const T* w, const T* delta, size_t samples, T* below, size_t stride) {
    const size_t width = layer.transposed.width;
    for (size_t s = 0; s < samples; ++s)
        for (size_t k = 0; k < layer.n_in; ++k) below[s * stride + k] = 0;
    for (size_t j0 = 0; j0 < layer.n_out; j0 += BLOCK)
        for (size_t k0 = 0; k0 < layer.n_in; k0 += BLOCK)
            for (size_t s = 0; s < samples; ++s)
                for (size_t j = j0; j < end_of(j0, layer.n_out); ++j)
                    add_multiple(below + s * stride + k0, w + j * width + k0, delta[s * layer.stride + j],
                                 end_of(k0, layer.n_in) - k0);
}

}  // namespace nnexp::NNEXP_TARGET::blocked
