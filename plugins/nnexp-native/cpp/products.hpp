// The three matrix products of a layer, by the way that was chosen, with the time they take where it is asked for.
#pragma once

#include "plan.hpp"
#include "products_blocked.hpp"
#include "products_naive.hpp"
#include "products_simd.hpp"

namespace nnexp::NNEXP_TARGET {

class Products {
public:
    Products(Matmul way, bool timed) : way_(way), timed_(timed) {}

    bool plain() const { return way_ != Matmul::simd; }        // matrices in one panel
    bool transposes() const { return way_ != Matmul::naive; }  // backward() takes W in panels of its own
    double seconds() const { return seconds_; }

    template <class T>
    void forward(const Layer<T>& layer, const T* w, Input<T> a, size_t samples, T* z) {
        timed([&] {
            switch (way_) {
                case Matmul::naive: return naive::forward(layer, w, a, samples, z);
                case Matmul::blocked: return blocked::forward(layer, w, a, samples, z);
                case Matmul::simd: return simd::forward(layer, w, a, samples, z);
            }
        });
    }

    template <class T>
    void gradient(const Layer<T>& layer, Input<T> a, size_t samples, const T* delta, T* grad, bool add) {
        timed([&] {
            switch (way_) {
                case Matmul::naive: return naive::gradient(layer, a, samples, delta, grad, add);
                case Matmul::blocked: return blocked::gradient(layer, a, samples, delta, grad, add);
                case Matmul::simd: return simd::gradient(layer, a, samples, delta, grad, add);
            }
        });
    }

    template <class T>
    void backward(const Layer<T>& layer, const T* w, const T* delta, size_t samples, T* below, size_t stride) {
        timed([&] {
            switch (way_) {
                case Matmul::naive: return naive::backward(layer, w, delta, samples, below, stride);
                case Matmul::blocked: return blocked::backward(layer, w, delta, samples, below, stride);
                case Matmul::simd: return simd::backward(layer, w, delta, samples, below, stride);
            }
        });
    }

private:
    template <class Work>
    void timed(Work work) {
        const double began = timed_ ? nnexp::seconds() : 0;
        work();
        if (timed_) seconds_ += nnexp::seconds() - began;
    }

    Matmul way_;
    bool timed_;
    double seconds_ = 0;
};

}  // namespace nnexp::NNEXP_TARGET
