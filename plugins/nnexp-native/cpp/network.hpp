// The network: its parameters in panels, and the forward and backward pass of a chunk of samples.
//
//     a_0 = x;  z_l = W_l a_(l-1) + b_l;  a_l = f(z_l);  the last z are the logits
//     dJ/dW_l = sum over samples of dJ/dz_l a_(l-1)^T;  dJ/da_(l-1) = W_l^T dJ/dz_l
#pragma once

#include "activations.hpp"
#include "arena.hpp"
#include "products.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
class Network {
public:
    Network(const Plan& plan, bool timed) : hidden_(plan.hidden), products_(plan.matmul, timed) {}

    // Lay everything out for chunks of `samples`. Called twice, as the arena wants.
    void place(const Plan& plan, Arena& arena, size_t samples, bool trains) {
        n_layers_ = plan.n_sizes - 1;
        layers_ = arena.take<Layer<T>>(n_layers_);
        Layer<T> counted{};
        size_ = flat_size_ = 0;
        for (size_t l = 0; l < n_layers_; ++l) {
            Layer<T>& layer = layers_ ? layers_[l] : counted;
            layer = made(plan.sizes[l], plan.sizes[l + 1]);
            layer.offset = size_;
            layer.flat_offset = flat_size_;
            const size_t room = layer.stride * samples;
            layer.z = arena.take<T>(room);
            layer.a = arena.take<T>(room);
            layer.delta = trains ? arena.take<T>(room) : nullptr;
            layer.w = trains && l > 0 && products_.transposes() ? arena.take<T>(layer.transposed.size()) : nullptr;
            size_ += layer.weights.size();
            flat_size_ += layer.n_out * (layer.n_in + 1);
        }
        theta_ = arena.take<T>(size_);
        grad_ = trains ? arena.take<T>(size_) : nullptr;
    }

    size_t size() const { return size_; }  // of the padded theta
    size_t flat_size() const { return flat_size_; }
    T* theta() { return theta_; }
    T* grad() { return grad_; }
    const Layer<T>& last() const { return layers_[n_layers_ - 1]; }
    double product_seconds() const { return products_.seconds(); }

    // Copy a vector laid out like the caller's theta into one laid out like ours, and back.
    void read(const T* flat, T* padded) const {
        for (size_t l = 0; l < n_layers_; ++l)
            from_flat(layers_[l].weights, flat + layers_[l].flat_offset, padded + layers_[l].offset);
    }
    void write(const T* padded, T* flat) const {
        for (size_t l = 0; l < n_layers_; ++l)
            to_flat(layers_[l].weights, padded + layers_[l].offset, flat + layers_[l].flat_offset);
    }

    // The logits of a chunk, in last().z.
    void forward(Input<T> x, size_t samples) {
        for (size_t l = 0; l < n_layers_; ++l) {
            const Layer<T>& layer = layers_[l];
            products_.forward(layer, theta_ + layer.offset, x, samples, layer.z);
            if (l + 1 == n_layers_) return;
            nnexp::NNEXP_TARGET::forward(hidden_, layer.rows(samples), layer.z, layer.a);
            x = {layer.a, layer.stride};
        }
    }

    // From last().delta, the gradient of all parameters into `grad` (laid out like theta), or added to what is there.
    // W is taken for the way back before its gradient is made: `grad` may be theta itself. `first`: of a step's chunks.
    void backward(Input<T> x, size_t samples, T* grad, bool add, bool first) {
        for (size_t l = n_layers_; l-- > 0;) {
            const Layer<T>& layer = layers_[l];
            if (l > 0) pass_down(layer, layers_[l - 1], samples, first);
            const Input<T> input = l ? Input<T>{layers_[l - 1].a, layers_[l - 1].stride} : x;
            products_.gradient(layer, input, samples, layer.delta, grad + layer.offset, add);
        }
    }

private:
    // dJ/dz of the layer below.
    void pass_down(const Layer<T>& layer, const Layer<T>& below, size_t samples, bool first) {
        const T* weights = theta_ + layer.offset;
        if (layer.w && first) transpose(layer.weights, weights, layer.transposed, layer.w);
        products_.backward(layer, layer.w ? layer.w : weights, layer.delta, samples, below.delta, below.stride);
        nnexp::NNEXP_TARGET::backward(hidden_, below.rows(samples), below.z, below.a, below.delta);
    }

    Layer<T> made(size_t n_in, size_t n_out) const {
        const size_t width = rounded_up(n_out, LANES<T>);
        return {n_in,
                n_out,
                Panels<T>::of(n_in + 1, n_out, products_.plain()),
                Panels<T>::of(n_out, n_in, products_.plain()),
                0,
                0,
                width,
                row_stride<T>(width),
                nullptr,
                nullptr,
                nullptr,
                nullptr};
    }

    Chosen<Activation> hidden_;
    Products products_;
    Layer<T>* layers_ = nullptr;
    size_t n_layers_ = 0, size_ = 0, flat_size_ = 0;
    T *theta_ = nullptr, *grad_ = nullptr;
};

}  // namespace nnexp::NNEXP_TARGET
